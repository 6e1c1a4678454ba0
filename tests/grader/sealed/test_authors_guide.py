"""Every example of docs/authors.md does what the guide says it does.

An example is a run of fenced blocks from one `python solution` to the next: `given` is a cell of
the author's, `check` must pass the solution and fail every `wrong`, `broken` fails even the
solution. `points=n` is what the check's value must be.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from grader.sealed.submission import CellOutcome, Outcome

GUIDE = Path(__file__).parents[3] / "docs/authors.md"
_BLOCK = re.compile(
    r"^```python (?P<kind>\w+)(?: points=(?P<points>\d+))?\n(?P<text>.*?)^```$", re.M | re.S
)
_KINDS = {"given", "solution", "check", "wrong", "broken"}


@dataclass
class Example:
    solution: str
    given: str = ""
    blocks: list[tuple[str, str, float | None]] = field(default_factory=list)

    def of(self, *kinds: str) -> list[tuple[str, float | None]]:
        return [(text, points) for kind, text, points in self.blocks if kind in kinds]


def _examples() -> list[Example]:
    """`given` stands before the solution that it belongs to."""
    examples: list[Example] = []
    given = ""
    for block in _BLOCK.finditer(GUIDE.read_text()):
        kind, text, points = block["kind"], block["text"], block["points"]
        assert kind in _KINDS, f"unknown kind of example: {kind}"
        if kind == "given":
            given = text
        elif kind == "solution":
            examples.append(Example(text, given))
            given = ""
        else:
            examples[-1].blocks.append((kind, text, float(points) if points else None))
    return examples


EXAMPLES = _examples()
Judged = Callable[[str, str], CellOutcome]


@pytest.fixture(params=EXAMPLES, ids=[each.solution.split("(")[0] for each in EXAMPLES])
def example(request: pytest.FixtureRequest) -> Example:
    found: Example = request.param
    return found


@pytest.fixture
def judged(example: Example, grade: Callable[..., Outcome], sheet_type: Any) -> Judged:
    """The check's outcome for an answer."""

    def judge(check: str, answer: str) -> CellOutcome:
        sheet = sheet_type(example.solution, (check,), plain=example.given)
        return grade(sheet, answer)["test0"]

    return judge


def test_the_solution_passes(example: Example, judged: Judged) -> None:
    assert example.of("check")
    for check, points in example.of("check"):
        cell = judged(check, example.solution)
        assert cell.judgement == "passed", cell.detail
        assert cell.value == points


def test_wrong_answers_fail(example: Example, judged: Judged) -> None:
    check, _ = example.of("check")[0]
    assert example.of("wrong")
    for answer, points in example.of("wrong"):
        cell = judged(check, answer)
        assert (cell.judgement, cell.value) == ("passed" if points else "failed", points)


def test_what_does_not_work_fails_even_the_solution(example: Example, judged: Judged) -> None:
    for check, _ in example.of("broken"):
        cell = judged(check, example.solution)
        assert cell.judgement == "failed"
        assert cell.cause != "AssertionError", "the engine must object, not the check"


def test_the_guide_has_examples_of_every_kind() -> None:
    kinds = {kind for each in EXAMPLES for kind, _, _ in each.blocks}
    assert kinds == _KINDS - {"given", "solution"}
    assert len(EXAMPLES) > 10
