"""What runs on the hosts: standard library only, Python 3.9 or newer, no other import of ours.

The package travels over SSH in the standard input of a Python on the host (see `program`), so
nothing of it is installed there and nothing of it can be out of date.
"""
