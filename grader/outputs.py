"""Bounds on what a kernel may print: nobody can make a notebook of a gigabyte."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from nbformat.notebooknode import NotebookNode

_OUTPUTS = {"stream", "display_data", "execute_result", "update_display_data", "error"}
_NOTE = "\n... output truncated: too much of it ...\n"
_ERROR_CHARACTERS = 2000
_TRACEBACK_LINES = 100


class OutputLimit:
    """Counts what each cell prints, and cuts it off at a number of bytes."""

    def __init__(self, bytes_per_cell: int) -> None:
        self._limit = bytes_per_cell
        self._spent: Counter[int] = Counter()

    def bounded(self, message: dict[str, Any], cell_index: int) -> dict[str, Any] | None:
        """The message, a shorter one in its place, or None where nothing more fits."""
        kind, content = message["msg_type"], message["content"]
        if kind not in _OUTPUTS:
            return message
        if kind == "error":
            return {**message, "content": _short_error(content)}
        before = self._spent[cell_index]
        self._spent[cell_index] += len(json.dumps(content, default=str))
        if self._spent[cell_index] <= self._limit:
            return message
        if before > self._limit:
            return None
        header = {**message["header"], "msg_type": "stream"}
        note = {"name": "stdout", "text": _NOTE}
        return {**message, "header": header, "msg_type": "stream", "content": note}

    @staticmethod
    def error(content: dict[str, Any]) -> NotebookNode:
        """An error output for a failure that the kernel did not print."""
        return NotebookNode(output_type="error", **_short_error(content))  # type: ignore[no-untyped-call]


def _short_error(content: dict[str, Any]) -> dict[str, Any]:
    lines = [str(line)[:_ERROR_CHARACTERS] for line in content.get("traceback", [])]
    return {
        "ename": str(content.get("ename", ""))[:100],
        "evalue": str(content.get("evalue", ""))[:_ERROR_CHARACTERS],
        "traceback": lines[-_TRACEBACK_LINES:],
    }
