"""The demo's own workshop: a folder of its own, made anew each time."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable
from pathlib import Path

from hub_config.rehearsal.characters import CHARACTERS, REACHED, Notebook
from hub_config.rehearsal.journeys import Attendance
from hub_config.seats import IssuedCode
from provisioning.paths import StatePaths

NAME = "demo"
#: Name and character: the roster's order is the characters' order.
INSTRUCTOR = "Grace Hopper"
PEOPLE = ("Ada Lovelace", "Blaise Pascal", "Carl Gauss", "Dorothy Vaughan", "Mallory Null")

#: The class hands in, and then `grade` grades all of it before one's eyes: not before.
SPEC = """\
name: {name}
course: {course}
track: first-look
roster: roster.csv
hub: {{port: {port}}}
grading: {{on_submit: false}}
"""


def write_demo(folder: Path, course: Path, port: int) -> Path:
    """workshop.yaml and a roster with one instructor and five attendees."""
    folder.mkdir(parents=True, exist_ok=True)
    # Usernames of its own: a real workshop on this machine may well have an Ada.
    people = [(INSTRUCTOR, "instructor"), *((name, "attendee") for name in PEOPLE)]
    rows = [
        f"{name},{_first(name)}@example.org,{role},demo-{_first(name)}" for name, role in people
    ]
    roster = ["name,email,role,username", *rows]
    (folder / "roster.csv").write_text("\n".join(roster) + "\n")
    spec = folder / "workshop.yaml"
    spec.write_text(SPEC.format(name=NAME, course=course, port=port))
    return spec


def _first(name: str) -> str:
    return name.split()[0].lower()


def forget_last_demo(paths: StatePaths) -> None:
    """The demo shows a first time, so nothing of the last one may be there. It must be down."""
    shutil.rmtree(paths.home, ignore_errors=True)


def attendances(codes: Iterable[IssuedCode]) -> tuple[Attendance, ...]:
    """Each attendee of the demo with a character."""
    attendees = [issued for issued in codes if issued.seat.role == "attendee"]
    return tuple(
        Attendance(issued.seat.username, str(issued.code), character)
        for issued, character in zip(attendees, CHARACTERS, strict=True)
    )


def source_notebooks(paths: StatePaths, labs: Iterable[str]) -> dict[str, Notebook]:
    """The labs with their solutions, from nbgrader's source folder."""
    return {
        lab: json.loads((paths.course / "source" / lab / f"{lab}.ipynb").read_text())
        for lab in labs
    }


def what_was_reached(paths: StatePaths, people: Iterable[Attendance]) -> tuple[str, ...]:
    """Everything that a hostile cell printed while it was graded."""
    found: list[str] = []
    for person in people:
        for path in sorted((paths.course / "autograded" / person.username).glob("*/*.ipynb")):
            for cell in json.loads(path.read_text())["cells"]:
                for output in cell.get("outputs", []):
                    text = output.get("text", "")
                    lines = (text if isinstance(text, str) else "".join(text)).splitlines()
                    found += [line for line in lines if line.startswith(REACHED)]
    return tuple(found)
