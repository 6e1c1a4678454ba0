"""A small Arm machine for a class that has none: a real aarch64 Python, its processor emulated.

`root` builds its file system, `serve` starts it and `server` is what runs on it. To a
notebook it is an address; a real Arm host is the same thing at another address.
"""
