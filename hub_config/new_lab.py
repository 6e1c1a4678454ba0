"""A lab of one's own: a copy of the template, and its line in course.yaml."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from provisioning.errors import AlreadyTaken, BadInput, Place

_NAME = re.compile(r"[a-z][a-z0-9_-]{0,39}")
_TITLE = "# # A new lab"
_KERNEL = "nlp-cpu"


def write_lab(course: Path, name: str, title: str, environment: str, template: Path) -> Path:
    """Copy the template to COURSE/NAME and add it to course.yaml; returns the folder.

    Raises AlreadyTaken when the folder is there, BadInput for a name that is none.
    """
    file = course / "course.yaml"
    if not _NAME.fullmatch(name):
        write = "lower-case letters, digits and dashes, beginning with a letter"
        raise BadInput(Place(course), f"a lab can't be called {name!r}", write)
    if not file.is_file():
        raise BadInput(Place(file), "found no such file", "name a course with --course FOLDER")
    folder = course / name
    if folder.exists():
        raise AlreadyTaken(f"{folder} is there already", next_step="choose another name")
    added = with_lab(file.read_text(encoding="utf-8"), _entry(name, title, environment), file)
    shutil.copytree(template, folder, ignore=shutil.ignore_patterns("__pycache__", "proof.json"))
    _rename(folder, title, environment)
    file.write_text(added, encoding="utf-8")
    return folder


def with_lab(text: str, entry: str, file: Path) -> str:
    """course.yaml with one more lab at the end of its list; everything else stays as it is."""
    lines = text.splitlines(keepends=True)
    starts = [number for number, line in enumerate(lines) if re.match(r"labs:\s*(#.*)?$", line)]
    if not starts:
        write = "labs:, with a lab on each line below"
        raise BadInput(Place(file, None, "labs"), "found no list of labs that can grow", write)
    end = starts[0] + 1
    for number in range(end, len(lines)):
        if re.match(r"[^\s#-]", lines[number]):
            break
        if lines[number].strip() and not lines[number].startswith("#"):
            end = number + 1
    items = (re.match(r"(\s*)- ", line) for line in lines[starts[0] + 1 : end])
    margin = next((found[1] for found in items if found), "  ")
    new = "".join(f"{margin}{line}\n" for line in entry.splitlines())
    before = "".join(lines[:end])
    return before + ("" if before.endswith("\n") else "\n") + new + "".join(lines[end:])


def _entry(name: str, title: str, environment: str) -> str:
    quoted = title.replace("\\", "\\\\").replace('"', '\\"')
    return (
        f"- name: {name}\n"
        f'  title: "{quoted}"\n'
        f"  folder: {name}\n"
        f"  environment: {environment}\n"
        f"  minutes: 30\n"
        f"  cell_seconds: 60"
    )


def _rename(folder: Path, title: str, environment: str) -> None:
    lab, notes = folder / "lab.py", folder / "instructor.md"
    text = lab.read_text(encoding="utf-8").replace(_TITLE, f"# # {title}", 1)
    head, mark, rest = text.partition("# %%")
    lab.write_text(head.replace(_KERNEL, environment) + mark + rest, encoding="utf-8")
    words = notes.read_text(encoding="utf-8")
    notes.write_text(words.replace(_TITLE.removeprefix("# "), f"# {title}", 1), encoding="utf-8")
