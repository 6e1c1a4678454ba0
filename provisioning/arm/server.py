"""TVM's RPC server, as it runs on the Arm side: one process per connection, for a limited time.

Runs in the Arm root's own Python, where there is nothing of ours but this file. TVM's
stock server waits for one client at a time, ends when a client's process ends badly, and
starts itself anew under the emulator's name; this one keeps to its listening socket.

    python server.py LISTENING_DESCRIPTOR SECONDS_PER_CONNECTION
"""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import socket
import struct
import sys
import tempfile
import time

MAGIC, WELCOME, WRONG_KEY = 0xFF271, 0xFF271, 0xFF271 + 2
HANDSHAKE_SECONDS = 10.0
AT_ONCE = 4
#: Of one connection's process, and of each file that it writes.
MEMORY_BYTES = 4 * 1024**3
FILE_BYTES = 1024**3


def main() -> None:
    """Accept until the process is ended. Reads the key from its environment, then forgets it."""
    listening = socket.socket(fileno=int(sys.argv[1]))
    seconds = float(sys.argv[2])
    key = os.environ.pop("WORKSHOP_ARM_KEY", "")
    from tvm import rpc  # type: ignore[import-not-found] # noqa: F401 - a fork is then ready

    deadlines: dict[int, float] = {}
    sys.stderr.write("ready\n")
    listening.settimeout(1.0)
    while True:
        _end_finished(deadlines)
        if len(deadlines) >= AT_ONCE:
            time.sleep(0.2)
            continue
        try:
            connection, _ = listening.accept()
        except TimeoutError:
            continue
        deadlines[_fork(connection, listening, key)] = time.monotonic() + seconds
        connection.close()


def _fork(connection: socket.socket, listening: socket.socket, key: str) -> int:
    child = os.fork()
    if child:
        return child
    status = 1
    try:
        listening.close()
        os.setpgid(0, 0)
        if _welcome(connection, key):
            _serve(connection)
        status = 0
    except (OSError, ValueError):
        pass  # whoever connected went away, or never spoke TVM's language
    finally:
        os._exit(status)


def _welcome(connection: socket.socket, key: str) -> bool:
    """TVM's handshake: the client's first word must be `client:` and the key."""
    connection.settimeout(HANDSHAKE_SECONDS)
    magic, length = struct.unpack("<ii", _receive(connection, 8))
    if magic != MAGIC or not 0 < length <= 512:
        return False
    words = _receive(connection, length).decode("ascii", errors="replace").split()
    if not words or words[0] != f"client:{key}":
        connection.sendall(struct.pack("<i", WRONG_KEY))
        return False
    # The key is never sent back.
    answer = b"server:arm"
    connection.sendall(struct.pack("<ii", WELCOME, len(answer)) + answer)
    connection.settimeout(None)
    return True


def _receive(connection: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        more = connection.recv(size - len(data))
        if not more:
            raise ValueError("the connection ended early")
        data += more
    return data


def _serve(connection: socket.socket) -> None:
    import tvm_ffi  # type: ignore[import-not-found]
    from tvm.rpc import _ffi_api  # type: ignore[import-not-found]
    from tvm.runtime import load_module  # type: ignore[import-not-found]

    resource.setrlimit(resource.RLIMIT_FSIZE, (FILE_BYTES, FILE_BYTES))
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)

        def path_of(name: str) -> str:
            return os.path.join(folder, os.path.basename(name))  # noqa: PTH118, PTH119

        tvm_ffi.register_global_func("tvm.rpc.server.workpath", path_of, override=True)
        tvm_ffi.register_global_func(
            "tvm.rpc.server.load_module", lambda name: load_module(path_of(name)), override=True
        )
        _ffi_api.ServerLoop(connection.fileno())


def _end_finished(deadlines: dict[int, float]) -> None:
    for child, deadline in list(deadlines.items()):
        if time.monotonic() > deadline:
            _kill(child)
        try:
            done, _ = os.waitpid(child, os.WNOHANG)
        except ChildProcessError:
            done = child
        if done:
            _kill(child)  # what it started
            del deadlines[child]


def _kill(child: int) -> None:
    for end in (os.killpg, os.kill):
        with contextlib.suppress(OSError):
            end(child, signal.SIGKILL)


if __name__ == "__main__":
    main()
