"""Submissions run by warm engines on this machine, one engine for each environment."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

from grader.scheduling.engines import SealedRun
from grader.sealed.engine import Engine
from grader.sealed.limits import Limits
from grader.sealed.submission import Outcome
from grader.slots import cores

#: Accounts of sealed processes, where the engine may choose; see grader.sealed.engine.
FIRST_ACCOUNT = 61000


class ThisMachine:
    """Starts an engine when its environment is first asked for; close it when done."""

    def __init__(
        self,
        pythons: Mapping[str, Path],
        run: Path,
        *,
        slots: int | None = None,
        first_account: int = FIRST_ACCOUNT,
    ) -> None:
        """`pythons` is kernel name to interpreter, `run` a folder of the caller's own."""
        self._pythons = pythons
        self._run = run
        self._slots = slots or cores()
        self._first_account = first_account
        self._engines: dict[str, Engine] = {}
        self._opened = ExitStack()
        self._lock = threading.Lock()

    @property
    def slots(self) -> int:
        return self._slots

    @property
    def warm(self) -> bool:
        """Whether an environment has been started."""
        return bool(self._engines)

    def run(self, wanted: SealedRun) -> Outcome:
        """See grader.scheduling.engines.Engines. KeyError for an unknown environment."""
        engine = self._engine(wanted.kernel, wanted.limits)
        return engine.grade(wanted.submission, wanted.limits)

    def close(self) -> None:
        with self._lock:
            self._opened.close()
            self._engines.clear()

    def _engine(self, kernel: str, limits: Limits) -> Engine:
        with self._lock:
            if kernel not in self._engines:
                python = self._pythons[kernel]
                self._run.mkdir(parents=True, exist_ok=True)
                folder = tempfile.TemporaryDirectory(dir=self._run)
                engine = Engine(
                    python,
                    Path(self._opened.enter_context(folder)),
                    limits=limits,
                    slots=self._slots,
                    first_account=self._first_account,
                )
                self._engines[kernel] = self._opened.enter_context(engine)
            return self._engines[kernel]
