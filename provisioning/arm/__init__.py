"""A machine with an Arm processor, shared by a class over TVM's RPC.

    seat ── its own key ──► serve: greets, keeps the line, gives turns (knows the secret)
                              └── connections ──► server: jailed, a walled-in process for each

`root` builds the file system of an emulated one, for a class that has none; `jail` is what the
server may see there or on a real Arm host; `host` installs the service on such a host. To a
notebook both are an address and a key.
"""
