"""Start the Arm machine: its Python, jailed, with one open socket and no other network.

    WORKSHOP_ARM_KEY=... python -m provisioning.arm.serve ROOT PORT

Everybody who knows the key can run any code there: that is what TVM's RPC is. So the jail
shows nothing but the Arm root, read-only, and its network is empty. The listening socket
is opened here, outside, and inherited: it is the only way in, and there is no way out.
"""

from __future__ import annotations

import os
import resource
import shutil
import socket
import sys
from pathlib import Path

from provisioning.arm.layout import EMULATOR, PYTHON, SITE
from provisioning.errors import AlreadyTaken, NotPossibleHere

LOOPBACK = "127.0.0.1"
#: The processor of an A1 instance.
CPU = "cortex-a72"
SECONDS_PER_CONNECTION = 120
SCRATCH_BYTES = 2 * 1024**3
#: Processes and threads of its account. Memory can't be limited by address space: the
#: emulator reserves far more than it uses.
PROCESSES = 256


def main() -> None:
    """Become the Arm machine."""
    root, port = Path(sys.argv[1]), int(sys.argv[2])
    listening = listen(port)
    os.set_inheritable(listening.fileno(), True)
    command = machine(root, listening.fileno())
    environment = {
        "WORKSHOP_ARM_KEY": os.environ.get("WORKSHOP_ARM_KEY", ""),
        "WORKSHOP_STATE_HOME": os.environ.get("WORKSHOP_STATE_HOME", ""),
        "PYTHONPATH": f"/{SITE}",
        "PYTHONDONTWRITEBYTECODE": "1",
        "HOME": "/tmp",  # noqa: S108 - the jail's own
        "LANG": "C.UTF-8",
        # Emulated threads only wait for each other.
        "TVM_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
    }
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NPROC, (PROCESSES, PROCESSES))
    os.execve(command[0], command, environment)  # noqa: S606 - no shell is wanted


def listen(port: int) -> socket.socket:
    """The machine's only way in."""
    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((LOOPBACK, port))
    except OSError as error:
        raise AlreadyTaken(
            f"port {port} of the Arm machine is taken ({error.strerror})",
            next_step="`workshop down`, then `workshop up` chooses another one",
        ) from error
    listening.listen(64)
    return listening


def machine(root: Path, descriptor: int) -> list[str]:
    """The command that is the Arm machine: a jail, an emulator if one is needed, Python."""
    bubblewrap = shutil.which("bwrap")
    if bubblewrap is None:
        raise NotPossibleHere(
            "the Arm machine runs the class's code, and bubblewrap, its jail, isn't installed",
            next_step="apt-get install bubblewrap",
        )
    server = Path(__file__).with_name("server.py")
    emulator = [f"/{EMULATOR}", "-cpu", CPU] if (root / EMULATOR).exists() else []
    return [
        bubblewrap,
        *("--unshare-user", "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-net"),
        *("--hostname", "arm", "--die-with-parent", "--new-session"),
        *("--ro-bind", str(root), "/"),
        *("--proc", "/proc", "--dev", "/dev"),
        *("--size", str(SCRATCH_BYTES), "--tmpfs", "/tmp"),  # noqa: S108 - the jail's own
        *("--ro-bind", str(server.parent), "/server"),
        *("--chdir", "/tmp", "--"),  # noqa: S108
        *emulator,
        *(f"/{PYTHON}", "-S", "/server/server.py", str(descriptor), str(SECONDS_PER_CONNECTION)),
    ]


if __name__ == "__main__":
    main()
