"""Code that is graded reaches no hidden test, gradebook, other submission or network."""

from __future__ import annotations

import json
import zipfile
from typing import Any

from hub_config.rehearsal.robot import Robot
from tests.e2e.isolation.classroom import (
    ADA,
    CANARY,
    EVE,
    HIDDEN,
    LAB,
    RIGHT,
    Classroom,
    submit,
)

#: Looks for everything it should not find, and prints what it found.
_HOSTILE = """
import os, socket, sys
WANTED = [text[::-1].encode() for text in {wanted!r}]
def look():
    skipped = ("/proc", "/sys", "/usr", sys.prefix)
    for place, folders, files in os.walk("/"):
        folders[:] = [each for each in folders if not os.path.join(place, each).startswith(skipped)]
        for name in files:
            path = os.path.join(place, name)
            try:
                text = open(path, "rb").read(10_000_000) if os.path.isfile(path) else b""
            except OSError:
                continue
            if name.endswith((".db", ".sqlite")) or any(each in text for each in WANTED):
                yield path
    for path in {paths!r}:
        for door in ("", "/proc/self/root", "/proc/1/root", "/proc/self/cwd"):
            if os.path.exists(door + path):
                yield door + path
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            if any(each in open(f"/proc/{{pid}}/environ", "rb").read() for each in WANTED):
                yield f"process {{pid}}"
        except OSError:
            pass
    for value in os.environ.values():
        if any(each in value.encode() for each in WANTED):
            yield "environment"
    for port in {ports!r}:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            yield f"port {{port}}"
        except OSError:
            pass
for found in look():
    print("REACHED", found)
print("LOOKED", "EVERYWHERE")
"""


async def test_a_hostile_submission_reaches_nothing_while_it_is_graded(
    classroom: Classroom, eve: Robot
) -> None:
    await submit(eve, RIGHT | {"add": hostile(classroom), "double": hostile(classroom)})
    classroom.workshop.cli("grade")
    grades = classroom.workshop.grades()
    assert sum(grades[ADA, LAB].values()) == 6
    assert grades[EVE, LAB] == {"check-add": 0, "check-double": 0, "check-total": 3}
    notebook = classroom.workshop.paths.course / "autograded" / EVE / LAB / f"{LAB}.ipynb"
    said = printed(json.loads(notebook.read_text()))
    assert "LOOKED EVERYWHERE" in said, "it didn't run: this test would prove nothing"
    assert "REACHED" not in said
    # What comes back to her tells no more than she may know.
    back = feedback_of(classroom, EVE)
    assert "sums" in back
    assert not any(secret in back for secret in (CANARY, *HIDDEN))


def hostile(classroom: Classroom) -> str:
    paths, settings = classroom.workshop.paths, classroom.workshop.settings
    secrets = classroom.workshop.secrets.model_dump().values()
    return _HOSTILE.format(
        wanted=[text[::-1] for text in (CANARY, *HIDDEN, *secrets)],
        paths=[
            str(path)
            for path in (
                paths.course,
                paths.exchange,
                paths.hub,
                paths.home / "coursework",
                paths.homes,
                paths.seats,
                paths.run,
            )
        ],
        ports=sorted(settings.ports.model_dump().values()),
    )


def printed(notebook: dict[str, Any]) -> str:
    outputs = [output for cell in notebook["cells"] for output in cell.get("outputs", [])]
    return json.dumps(outputs)


def feedback_of(classroom: Classroom, username: str) -> str:
    """Every page of feedback that the exchange keeps for somebody."""
    folder = classroom.workshop.paths.exchange / "feedback" / LAB / username
    pages = []
    for path in folder.rglob("*.zip"):
        with zipfile.ZipFile(path) as archive:
            pages += [archive.read(name).decode() for name in archive.namelist()]
    return "\n".join(pages)
