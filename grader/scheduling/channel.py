"""How a grader asks the dispatcher: one connection, one line of JSON each way, then the end.

    {"do": "judge", "lab": KEY, "order": TEXT}          -> {"answer": TEXT} or {"unknown": true}
    {"do": "learn", "lab": KEY, "text": TEXT, "limits": TEXT}   -> {"learnt": true}
    {"do": "try out", "text": TEXT, "order": TEXT}      -> {"answer": TEXT}
    {"do": "state"}                 -> {"hosts": {NAME: SLOTS}, "judged": {NAME: SUBMISSIONS}}

Whatever can't be done: {"unavailable": REASON}. A grader that goes away takes its order back.
"""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

#: Of a line: an attendee's own files and a lab's data are in it, in base64.
LONGEST = 256 * 2**20


class DispatcherGone(Exception):
    """Nobody answers at the dispatcher's socket, or it ended in the middle."""


def ask(path: Path, request: dict[str, Any], seconds: float) -> dict[str, Any]:
    """The dispatcher's answer. Raises DispatcherGone after `seconds` without one."""
    try:
        with socket.socket(socket.AF_UNIX) as line:
            line.settimeout(seconds)
            line.connect(str(path))
            line.sendall(json.dumps(request).encode() + b"\n")
            said = _read_line(line)
        answer = json.loads(said)
    except (OSError, ValueError) as error:
        raise DispatcherGone(f"the dispatcher does not answer at {path}: {error}") from error
    if not isinstance(answer, dict):
        raise DispatcherGone("the dispatcher's answer is no object")
    return answer


def _read_line(line: socket.socket) -> bytes:
    pieces: list[bytes] = []
    size = 0
    while not (pieces and pieces[-1].endswith(b"\n")):
        piece = line.recv(2**16)
        size += len(piece)
        if not piece or size > LONGEST:
            raise OSError("it ended the connection" if not piece else "it says too much")
        pieces.append(piece)
    return b"".join(pieces)
