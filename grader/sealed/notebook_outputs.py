"""Notebook outputs that came from a student's process, made harmless; and outputs of our own.

What arrives is only looked at through the shape that a notebook output must have. Everything
else is dropped, so that the notebook with the outputs is always a valid one.
"""

from __future__ import annotations

import json
from typing import Any

#: What a feedback page can show without running anything.
_TEXT_KINDS = ("text/plain", "text/latex", "text/markdown", "text/html", "image/svg+xml")
_IMAGE_KINDS = ("image/png", "image/jpeg", "image/gif")
_MOST_OUTPUTS = 1000


def clean_outputs(data: Any, most: int) -> tuple[dict[str, Any], ...]:
    """The valid outputs among what a student's process sent, up to `most` bytes."""
    cleaned = []
    for item in data[:_MOST_OUTPUTS] if isinstance(data, list) else []:
        output = _clean(item) if isinstance(item, dict) else None
        if output is None:
            continue
        # The process cuts its outputs itself; one that lies about it loses them.
        most -= len(json.dumps(output)) - 200
        if most < 0:
            break
        cleaned.append(output)
    return tuple(cleaned)


def _clean(item: dict[str, Any]) -> dict[str, Any] | None:
    match item:
        case {"output_type": "stream", "name": "stdout" | "stderr" as name, "text": str(text)}:
            return {"output_type": "stream", "name": name, "text": text}
        case {"output_type": "error", "ename": str(name), "evalue": str(value)}:
            lines = item.get("traceback")
            shown = [line for line in lines if isinstance(line, str)] if lines else []
            return {
                "output_type": "error",
                "ename": name[:200],
                "evalue": value[:2000],
                "traceback": shown,
            }
        case {"output_type": "display_data", "data": dict(data)}:
            return {"output_type": "display_data", "data": _clean_data(data), "metadata": {}}
        case {"output_type": "execute_result", "data": dict(data)}:
            count = item.get("execution_count")
            return {
                "output_type": "execute_result",
                "execution_count": count if type(count) is int and count >= 0 else None,
                "data": _clean_data(data),
                "metadata": {},
            }
    return None


def _clean_data(data: dict[Any, Any]) -> dict[str, str]:
    return {
        kind: value
        for kind, value in data.items()
        if kind in (*_TEXT_KINDS, *_IMAGE_KINDS) and isinstance(value, str)
    }


def error_output(name: str, reason: str) -> dict[str, Any]:
    """The output of a cell that failed for this reason."""
    return {
        "output_type": "error",
        "ename": name,
        "evalue": reason,
        "traceback": [f"{name}: {reason}"],
    }


def stream_outputs(printed: Any) -> tuple[dict[str, Any], ...]:
    """Pairs of stream and text as outputs."""
    pairs = printed if isinstance(printed, list) else []
    outputs = [{"output_type": "stream", "name": n, "text": t} for n, t in pairs]
    return clean_outputs(outputs, 2**20)
