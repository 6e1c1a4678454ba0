"""From a lab's text to what attendees fetch; nothing is released that can't be graded."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from nbformat.notebooknode import NotebookNode

from grader import durable
from grader.canary import Canary, require_canary
from grader.errors import NotPossibleHere, StepFailed
from grader.events import Progress, silent
from grader.notebooks import (
    data_files,
    lab_of_notebook,
    notebook_text,
    source_notebook,
    write_notebook,
)
from grader.records import read_record, write_record
from grader.spec import LabSpec
from grader.workplace import Workplace

#: Changes when the same lab text becomes another notebook.
BUILDER = "1"


@dataclass(frozen=True)
class Released:
    lab: str
    outcome: Literal["released", "unchanged"]
    points: float
    exercises: int
    sealed: bool


def ensure_released(
    place: Workplace, lab: LabSpec, *, force: bool = False, progress: Progress = silent
) -> Released:
    """Release a lab in its present text, unless attendees have exactly that already.

    Killed at any moment and run again, it converges: the record is written last. Raises BadInput
    for the lab's text, NotPossibleHere when the canary dies or submissions forbid the change.
    """
    canary = canary_of(place, lab)
    found = lab_of_notebook(canary.notebook, lab.name, lab.title)
    facts = (found.points, len(found.exercises), lab.sealed)
    if not force and _is_released(place, lab, canary.version):
        return Released(lab.name, "unchanged", *facts)
    progress("prove", 0, 3, lab.name)
    require_canary(canary, place.judge, place.folder.canary_record(lab.name))
    progress("generate", 1, 3, lab.name)
    _write_source(place, lab, canary.notebook)
    with _explained(lab):
        place.nbgrader.generate_assignment(lab.name)
    progress("release", 2, 3, lab.name)
    place.nbgrader.release_assignment(lab.name)
    write_record(
        place.folder.release_record(lab.name),
        version=canary.version,
        released=durable.folder_digest(place.folder.released(lab.name)),
    )
    progress("release", 3, 3, lab.name)
    return Released(lab.name, "released", *facts)


def canary_of(place: Workplace, lab: LabSpec) -> Canary:
    """A lab as its text is now, ready to be proved."""
    folder = place.settings.coursework / lab.folder
    notebook = source_notebook(folder / "lab.py", lab)
    return Canary(
        lab=lab.name,
        notebook=notebook,
        data=folder,
        version=_version(folder, notebook),
        environment=place.settings.environments[lab.environment].identity,
        cell_seconds=lab.cell_seconds,
        sealed=lab.sealed,
    )


def _version(folder: Path, notebook: NotebookNode) -> str:
    parts = [BUILDER, notebook_text(notebook)]
    for file in data_files(folder):
        parts += [str(file), durable.file_digest(folder / file)]
    return durable.text_digest(*parts)


def _is_released(place: Workplace, lab: LabSpec, version: str) -> bool:
    record = read_record(place.folder.release_record(lab.name))
    folder = place.folder.released(lab.name)
    return (
        record.get("version") == version
        and folder.is_dir()
        and record.get("released") == durable.folder_digest(folder)
    )


def _write_source(place: Workplace, lab: LabSpec, notebook: NotebookNode) -> None:
    origin = place.settings.coursework / lab.folder
    with durable.replaced_folder(place.folder.source(lab.name)) as fresh:
        for file in data_files(origin):
            (fresh / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(origin / file, fresh / file)
        write_notebook(notebook, fresh / f"{lab.name}.ipynb")


@contextmanager
def _explained(lab: LabSpec) -> Iterator[None]:
    """nbgrader keeps the set of cells once somebody has handed in: say what that means."""
    try:
        yield
    except StepFailed as error:
        if "there are submissions associated" not in error.message:
            raise
        raise NotPossibleHere(
            f"lab {lab.name!r} has submissions already, so its graded cells can't be added, "
            "removed or renamed any more",
            next_step="change texts and checks only, or give the new version another lab name",
        ) from error
