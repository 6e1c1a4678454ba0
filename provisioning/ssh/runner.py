"""What files, uploads and jobs need of a connection."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Protocol

from provisioning.ssh.kept_output import KEPT_BYTES, Finished
from provisioning.ssh.login import Login
from provisioning.ssh.talk import Talk


class Runner(Protocol):
    """Runs commands on one host; `Connection` says what the parameters mean."""

    login: Login

    def run(
        self,
        command: str,
        *,
        seconds: float,
        stdin: bytes = b"",
        check: bool = True,
        root: bool = True,
        keep: int = KEPT_BYTES,
    ) -> Finished: ...

    def talk(
        self, command: str, *, seconds: float, root: bool = True, keep: int = KEPT_BYTES
    ) -> AbstractContextManager[Talk]: ...
