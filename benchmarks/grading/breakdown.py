"""Where the workshop's seconds go: clocks around the parts of a batch, in a run of its own."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any

from sqlalchemy.engine import Connection

from grader import batch, writer
from grader.lab_steps import LabSteps
from grader.sealed.conversation import Conversation
from grader.sealed.engine import Engine
from grader.sealed.wards import Zygote

#: Part to what does it. Parts of the writer's thread, then parts of the slots' threads, which
#: run side by side: their seconds add up to more than the clock's.
_PARTS: tuple[tuple[str, Any, str], ...] = (
    ("read and sanitise", batch._LabDesk, "sanitised"),
    ("files", LabSteps, "copy_files"),
    ("rows of the gradebook", writer, "book"),
    ("late rules, checks of the notebook", LabSteps, "record"),
    ("end of the transaction", Connection, "_commit_impl"),
    ("executed notebook", LabSteps, "write"),
    ("verdict file", writer, "write_verdict"),
    ("writing in all", writer.Writer, "conclude"),
    ("slots: zygote start", Zygote, "__init__"),
    ("slots: spawn and set up", Conversation, "_set_up"),
    ("slots: student cells", Conversation, "_run"),
    ("slots: checks", Conversation, "_test"),
    ("slots: judging in all", Engine, "grade"),
)


@contextmanager
def watched(wanted: bool) -> Iterator[dict[str, float]]:
    """Seconds by part, filled in while the block runs; nothing when it is not wanted."""
    spent: dict[str, float] = defaultdict(float)
    before = [getattr(owner, name) for _, owner, name in _PARTS]
    if wanted:
        for part, owner, name in _PARTS:
            setattr(owner, name, _clocked(getattr(owner, name), part, spent))
    try:
        yield spent
    finally:
        for (_, owner, name), own in zip(_PARTS, before, strict=True):
            setattr(owner, name, own)


def _clocked(function: Any, part: str, spent: dict[str, float]) -> Any:
    @wraps(function)
    def clocked(*args: Any, **keywords: Any) -> Any:
        began = time.monotonic()
        try:
            return function(*args, **keywords)
        finally:
            spent[part] += time.monotonic() - began

    return clocked
