"""The lab's own code, taken from its text: what is measured is what attendees read."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path
from typing import Any

LAB = Path(__file__).parents[2] / "coursework/nlp/tvm-on-arm/lab.py"
_NAME = re.compile(r'"grade_id": "(\w+)"')


def load_lab(path: Path = LAB) -> dict[str, Any]:
    """What the lab's given cells and solutions define; nothing is trained, checked or drawn."""
    names: dict[str, Any] = {"__name__": "lab"}
    parts = re.split(r"(?m)^# %%(.*)$", path.read_text(encoding="utf-8"))[1:]
    for head, source in zip(parts[::2], parts[1::2], strict=True):
        name = _NAME.search(head)
        skipped = '"grade": true' in head or '"slow"' in head
        if name and not skipped and name[1] != "load_requests":
            with contextlib.redirect_stdout(None):
                exec(compile(source, f"lab.py: {name[1]}", "exec"), names)
    return names
