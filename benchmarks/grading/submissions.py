"""Twelve ordinary ways to hand in a lab: six right, five wrong or raising, one untouched."""

from __future__ import annotations

import copy
from collections.abc import Iterator

from nbformat.notebooknode import NotebookNode

RAISING = "raise RuntimeError('not finished')"
SYNTAX = "def broken(:\n"

#: By lab: solution cell to a wrong answer, for the five that are not right.
WRONG: dict[str, tuple[dict[str, str], ...]] = {
    "light": (
        {"mean": "def mean(values):\n    return sum(values) / 2"},
        {"softmax": "def softmax(x):\n    e = np.exp(x)\n    return e / e.sum()"},
        {"count": RAISING},
        {"windows": SYNTAX},
        {
            "distances": "def distances(a, b):\n    return a - b",
            "normalise": "def normalise(x):\n    print(x)",
        },
    ),
    "mx": (
        {"sigmoid": "def sigmoid(x):\n    return nd.exp(-x)"},
        {"accuracy": RAISING},
        {"parameters": SYNTAX},
        {"split": "def split(x, share):\n    return x[:10], x[10:]"},
        {
            "network": (
                "def network():\n    net = nn.Sequential()\n    net.add(nn.Dense(1))\n"
                "    net.initialize()\n    return net"
            )
        },
    ),
}
_KINDS = 12


def submissions(
    lab: str, source: NotebookNode, released: NotebookNode, count: int
) -> Iterator[tuple[str, NotebookNode]]:
    """Attendees and their notebooks. No two have the same cells, so nothing can be remembered
    from one to the next."""
    for number in range(count):
        kind = number % _KINDS
        notebook = copy.deepcopy(released)
        answers = _answers(source)
        changes = WRONG[lab][kind - 6] if 6 <= kind < 11 else {}
        for cell in notebook.cells:
            name = cell.metadata.get("nbgrader", {}).get("grade_id")
            if kind < 11 and name in answers:
                cell.source = changes.get(name, answers[name])
            if name in answers:
                cell.source += f"\n# attendee {number}"
        yield f"attendee{number:03d}", notebook


def _answers(source: NotebookNode) -> dict[str, str]:
    return {
        cell.metadata.nbgrader.grade_id: cell.source
        for cell in source.cells
        if cell.metadata.get("nbgrader", {}).get("solution")
    }
