"""Kernels of a seat: asked for at the host's service, started plainly where that can't help.

Runs in the seat. To JupyterLab and nbgrader a warm kernel is a local one: the same connection
file, the same signals, a process of the same account in the same jail.
"""

from __future__ import annotations

import asyncio
import json
import os
import select
import signal
from contextlib import suppress
from typing import Any

from jupyter_client.provisioning.local_provisioner import LocalProvisioner

#: Then a plain start is tried; a warm one takes a tenth of a second.
_ANSWER_SECONDS = 15.0
_LONGEST_ANSWER = 4096
#: Linux tells a kernel's exit status to its parent alone, which is the service.
_UNKNOWN_STATUS = 1
SOCKET_VARIABLE = "WORKSHOP_KERNELS"


class WarmKernelProcess:
    """A process that isn't our child, with the part of Popen that a provisioner uses."""

    stdin = stdout = stderr = None

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._handle = os.pidfd_open(pid)
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """None while it runs."""
        if self.returncode is None and select.select([self._handle], [], [], 0)[0]:
            self._ended()
        return self.returncode

    def wait(self) -> int:
        if self.returncode is None:
            select.select([self._handle], [], [])
            self._ended()
        return _UNKNOWN_STATUS

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            with suppress(ProcessLookupError):  # it ended just now
                signal.pidfd_send_signal(self._handle, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def _ended(self) -> None:
        self.returncode = _UNKNOWN_STATUS
        os.close(self._handle)


class SeatProvisioner(LocalProvisioner):
    """jupyter_client's own, with another way of coming into being."""

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> Any:
        pid = await self._warm(cmd, kwargs)
        if pid is None:
            return await super().launch_kernel(cmd, **kwargs)
        try:
            process: Any = WarmKernelProcess(pid)
        except ProcessLookupError:  # it has ended already: let the plain start say why
            return await super().launch_kernel(cmd, **kwargs)
        self.process = process
        # It leads a session and a group of its own.
        self.pid = self.pgid = pid
        return self.connection_info

    async def _warm(self, cmd: list[str], kwargs: dict[str, Any]) -> int | None:
        """The kernel's number, or None where there is no warm one to be had."""
        where = os.environ.get(SOCKET_VARIABLE)
        if not where or cmd[1:3] != ["-m", "ipykernel_launcher"]:
            return None
        request = _request(cmd, kwargs)
        try:
            said = await asyncio.wait_for(_ask(where, cmd[0], request), _ANSWER_SECONDS)
            told = json.loads(said)
            if told["ok"]:
                return int(told["pid"])
            self.log.warning("No warm kernel (%s): starting one plainly", told["message"])
        except (OSError, TimeoutError, ValueError, KeyError, TypeError) as error:
            self.log.warning("No warm kernel (%s): starting one plainly", error)
        return None


def _request(cmd: list[str], kwargs: dict[str, Any]) -> bytes:
    """What only the kernel itself reads, as the seat: a `Task`."""
    environment = kwargs.get("env") or dict(os.environ)
    folder = str(kwargs.get("cwd") or os.getcwd())  # noqa: PTH109 - a plain text is wanted
    return json.dumps({"environment": environment, "folder": folder, "argv": cmd[3:]}).encode()


async def _ask(where: str, python: str, request: bytes) -> bytes:
    reader, writer = await asyncio.open_unix_connection(where, limit=_LONGEST_ANSWER)
    try:
        writer.write(python.encode() + b"\n" + request)
        writer.write_eof()
        await writer.drain()
        return await reader.readline()
    finally:
        writer.close()
