"""Programs with a deadline, of whose words only so much is kept."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Sequence
from typing import IO, cast

from hub_config.backup.errors import TooSlow
from provisioning.ssh.kept_output import KeptOutput

_CHUNK = 2**16
_SAID_BYTES = 4096


class Running:
    """A process that ends with us, also when we are killed. What it says is read as it comes."""

    def __init__(
        self,
        argv: Sequence[str],
        *,
        stdin: int | IO[bytes] = subprocess.DEVNULL,
        stdout: int | KeptOutput = subprocess.DEVNULL,
        pass_fds: Sequence[int] = (),
    ) -> None:
        self.name = argv[0]
        self._process = subprocess.Popen(
            ("setpriv", "--pdeathsig", "KILL", *argv),
            stdin=stdin,
            stdout=subprocess.PIPE if isinstance(stdout, KeptOutput) else stdout,
            stderr=subprocess.PIPE,
            pass_fds=pass_fds,
        )
        self._said = KeptOutput(_SAID_BYTES)
        self._readers = [_reading(cast(IO[bytes], self._process.stderr), self._said)]
        if isinstance(stdout, KeptOutput):
            self._readers.append(_reading(cast(IO[bytes], self._process.stdout), stdout))

    def wait(self, until: float) -> int:
        """The exit status. TooSlow when it has not ended by `until` (monotonic seconds)."""
        try:
            status = self._process.wait(max(0.0, until - time.monotonic()))
        except subprocess.TimeoutExpired:
            self.end()
            raise TooSlow(f"{self.name} had not ended when its time was over") from None
        for reader in self._readers:
            reader.join(1 + max(0.0, until - time.monotonic()))
        return status

    def end(self) -> None:
        """Now, if it has not ended yet."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()

    @property
    def said(self) -> str:
        """The end of its standard error, in one line."""
        return " ".join(self._said.content().decode(errors="replace").split())[-300:]


def _reading(stream: IO[bytes], into: KeptOutput) -> threading.Thread:
    def read() -> None:
        with stream:
            while chunk := os.read(stream.fileno(), _CHUNK):
                into.add(chunk)

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    return thread
