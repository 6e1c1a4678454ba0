"""Be the Arm machine: `WORKSHOP_ARM_KEY=... python -m provisioning.arm.serve PLACE PORT`.

PLACE is an Arm root (see `root`), or the interpreter of an environment with TVM on a real Arm
host. WORKSHOP_ARM_KEY is the secret that seats' keys are made from.

This process listens, on loopback only. It asks who it is, keeps the line, and hands connections
to the jailed server, in which whoever is in can run any code: that is what TVM's RPC is. So the
secret stays out here, and the way in there is one socket that is handed over.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import resource
import signal
import socket
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

from provisioning.arm.door import Door
from provisioning.arm.fair_line import FairLine
from provisioning.arm.jail import Machine, jail_command, machine_at
from provisioning.arm.server import Limits
from provisioning.errors import AlreadyTaken

LOOPBACK = "127.0.0.1"
#: Of one session.
SECONDS = 120.0
MEMORY_BYTES = 1024**3
SCRATCH_BYTES = 512 * 1024**2
PROCESSES = 64
#: Processes and threads of the whole machine's account.
_ALL_PROCESSES = 1024


def main() -> None:
    """Serve until SIGTERM, or until the jailed server is gone: then our supervisor starts anew."""
    place, port = Path(sys.argv[1]), int(sys.argv[2])
    secret = os.environ.pop("WORKSHOP_ARM_KEY", "")
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with listen(port) as listening:
        sys.exit(asyncio.run(serve(machine_at(place), listening, secret)))


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
    listening.listen(256)
    return listening


async def serve(machine: Machine, listening: socket.socket, secret: str) -> int:
    """The exit status: 0 when we were told to end, 1 when the jailed server is gone."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    limits = _limits(machine)
    command = jail_command(machine, str(theirs.fileno()), json.dumps(asdict(limits)))
    with theirs:
        server = subprocess.Popen(
            command,
            env=_environment(machine),
            pass_fds=(theirs.fileno(),),
            stdin=subprocess.DEVNULL,
            preexec_fn=_limit_account,
        )
    door = Door(listening, ours, FairLine(sessions_at_once()), secret)
    told = asyncio.ensure_future(_until_told())
    open_door = asyncio.ensure_future(door.keep())
    try:
        await asyncio.wait({told, open_door}, return_when=asyncio.FIRST_COMPLETED)
        return 0 if told.done() else 1
    finally:
        for task in (told, open_door):
            task.cancel()
        ours.close()
        server.kill()  # what runs in the jail ends with it
        with contextlib.suppress(subprocess.TimeoutExpired):
            server.wait(10)


def sessions_at_once() -> int:
    """One on each core; WORKSHOP_ARM_AT_ONCE says another number."""
    told = os.environ.get("WORKSHOP_ARM_AT_ONCE", "")
    return max(1, int(told)) if told.isdigit() else len(os.sched_getaffinity(0))


def _limits(machine: Machine) -> Limits:
    told = os.environ.get("WORKSHOP_ARM_SECONDS", "")
    return Limits(
        seconds=float(told) if told.isdigit() else SECONDS,
        memory_bytes=MEMORY_BYTES,
        processes=PROCESSES,
        scratch_bytes=SCRATCH_BYTES,
        emulated=machine.emulated,
    )


def _environment(machine: Machine) -> dict[str, str]:
    """All that is known inside. The mark lets `down` prove that nothing is left."""
    return {
        "WORKSHOP_STATE_HOME": os.environ.get("WORKSHOP_STATE_HOME", ""),
        "PYTHONPATH": machine.module_path,
        "PYTHONDONTWRITEBYTECODE": "1",
        "HOME": "/tmp",  # noqa: S108 - the jail's own
        "LANG": "C.UTF-8",
        "PATH": "/usr/bin:/bin",
        # A session has a core. Emulated threads only wait for each other.
        "TVM_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
    }


def _limit_account() -> None:
    with contextlib.suppress(ValueError):  # less is allowed already
        resource.setrlimit(resource.RLIMIT_NPROC, (_ALL_PROCESSES, _ALL_PROCESSES))


async def _until_told() -> None:
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    await ended.wait()


if __name__ == "__main__":
    main()
