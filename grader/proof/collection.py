"""The answers that people keep beside a lab: mutants.yaml and equivalents.yaml."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from grader.errors import BadInput, Place


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class WrongAnswer(_Frozen):
    """Replaces one solution cell and must lose exactly the checks under `loses`."""

    name: str = Field(min_length=1)
    #: The grade_id of the solution cell.
    cell: str
    source: str
    loses: tuple[str, ...] = Field(min_length=1)
    #: "degenerate": no answer at all (a constant, the input, a table of the visible examples).
    kind: Literal["mistake", "degenerate"] = "mistake"
    #: Its own code raises, so the sentence of the failure is Python's and not the check's.
    raises: bool = False


class Equivalent(_Frozen):
    """An automatic mutant that a person has read: it is right, too, and here is why."""

    cell: str
    was: str
    becomes: str
    reason: str = Field(min_length=20)


_Entry = TypeVar("_Entry", WrongAnswer, Equivalent)


def read_wrong_answers(folder: Path) -> tuple[WrongAnswer, ...]:
    """Raises BadInput that names the entry."""
    return _read(folder / "mutants.yaml", WrongAnswer)


def read_equivalents(folder: Path) -> tuple[Equivalent, ...]:
    """A lab without the file has none."""
    file = folder / "equivalents.yaml"
    return _read(file, Equivalent) if file.exists() else ()


def _read(file: Path, kind: type[_Entry]) -> tuple[_Entry, ...]:
    try:
        entries = yaml.safe_load(file.read_text(encoding="utf-8")) or []
        return TypeAdapter(tuple[kind, ...]).validate_python(entries)  # type: ignore[valid-type]
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise BadInput(Place(file), str(error), "a list of entries, in YAML") from error
    except ValidationError as error:
        first = error.errors()[0]
        number, *keys = [str(part) for part in first["loc"]] or ["0"]
        place = Place(file, f"entry {int(number) + 1 if number.isdigit() else number}")
        wanted = ", ".join(kind.model_fields)
        raise BadInput(place, f"{'.'.join(keys)}: {first['msg']}", f"the keys {wanted}") from error
