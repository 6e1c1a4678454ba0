"""Progress of long work: bars on a terminal, plain lines in a pipe."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

#: Piped output gets at most one line per stage and this many seconds.
LINE_SECONDS = 5.0


class ProgressView:
    """Stages with their counts and times. Hosts report from threads of their own."""

    def __init__(self, console: Console, clock: Callable[[], float] = time.monotonic) -> None:
        self._console = console
        self._clock = clock
        self._bars = Progress(
            TextColumn("{task.description:<14}"),
            BarColumn(bar_width=30),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("[dim]{task.fields[note]}"),
            console=console,
            disable=not console.is_terminal,
        )
        self._tasks: dict[str, int] = {}
        self._started: dict[str, float] = {}
        self._said: dict[str, float] = {}
        self._finished: set[str] = set()
        self._drawing = threading.Lock()

    def __enter__(self) -> ProgressView:
        self._bars.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bars.stop()

    def __call__(self, stage: str, done: int, total: int, note: str = "") -> None:
        with self._drawing:
            self._started.setdefault(stage, self._clock())
            if self._console.is_terminal:
                self._draw(stage, done, total, note)
            else:
                self._say(stage, done, total, note)

    def _draw(self, stage: str, done: int, total: int, note: str) -> None:
        if stage not in self._tasks:
            self._tasks[stage] = self._bars.add_task(stage, total=total, note=note)
        task = self._bars.tasks[self._tasks[stage]]
        self._bars.update(task.id, completed=done, total=total, note=note)

    def _say(self, stage: str, done: int, total: int, note: str) -> None:
        now = self._clock()
        finished = done >= total
        if stage in self._finished:
            return
        if not finished and now - self._said.get(stage, 0.0) < LINE_SECONDS:
            return
        self._said[stage] = now
        seconds = now - self._started[stage]
        tail = f"  {note}" if note else ""
        self._console.print(
            f"{stage:<14} {done}/{total}  {seconds:5.1f} s{tail}", soft_wrap=True, highlight=False
        )
        if finished:
            self._finished.add(stage)
