"""Where things are in the Arm root: for whoever builds it and for whoever starts it."""

#: The emulator of an Arm processor, at the top; absent where the machine is an Arm.
EMULATOR = "qemu-aarch64-static"
#: TVM and what it imports.
SITE = "opt/tvm"
PYTHON = "usr/bin/python3.11"
