"""The course that labs are proved in, and the labs that somebody names."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import jupytext
import yaml
from pydantic import ValidationError

from grader.errors import BadInput, Place
from grader.spec import CourseSpec, LabSpec


def read_course(course: Path) -> CourseSpec:
    """Raises BadInput that names the key."""
    file = course / "course.yaml"
    try:
        return CourseSpec.model_validate(yaml.safe_load(file.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise BadInput(Place(file), str(error), "a course, in YAML") from error
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise BadInput(Place(file, key), first["msg"], "see docs/authors.md") from error


def chosen_labs(course: Path, spec: CourseSpec, names: Sequence[str]) -> tuple[LabSpec, ...]:
    """The labs of these names, all without any. One that is being written counts, too: its
    folder is there, course.yaml doesn't name it yet."""
    if not names:
        return spec.labs
    return tuple(spec.lab(name) or _unlisted(course, name) for name in names)


def _unlisted(course: Path, name: str) -> LabSpec:
    file = course / name / "lab.py"
    if not file.is_file():
        raise BadInput(Place(course), f"there is no lab {name!r}", "the name of a lab's folder")
    kernel = jupytext.read(file, fmt="py:percent").metadata.get("kernelspec", {})
    return LabSpec(name=name, title=name, folder=name, environment=kernel.get("name", "nlp-cpu"))
