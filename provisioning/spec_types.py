"""The values of a spec: sizes, days and paths as people write them."""

from __future__ import annotations

import datetime
import re
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError


class SpecModel(BaseModel):
    """A part of a spec. Strict: `port: yes` is a mistake, not port 1."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


def spec_mistake(found: str, write: str, *, key: str = "") -> PydanticCustomError:
    """A mistake that a validator saw, in the words that the person will read.

    `key` is relative to the part that the validator looks at.
    """
    return PydanticCustomError("spec", "{found}", {"found": found, "write": write, "key": key})


_SIZE = re.compile(r"(\d{1,6}(?:\.\d{1,3})?)\s*([KMGT])(?:iB|B)?", re.IGNORECASE)
_UNITS = {"K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}


def parse_size(value: Any) -> Any:
    """`2G`, `512 MB` or `1.5 GiB` in bytes; anything else stays for the model to refuse."""
    if isinstance(value, str) and (match := _SIZE.fullmatch(value.strip())):
        number, unit = match.groups()
        return int(float(number) * _UNITS[unit.upper()])
    return value


def parse_day(value: Any) -> Any:
    """A day; a quoted one too. A time of day or a number is not a day."""
    if isinstance(value, str):
        try:
            return datetime.date.fromisoformat(value.strip())
        except ValueError:
            return value
    # A datetime is a date to Python; strict validation would still cut its hours off.
    return str(value) if isinstance(value, datetime.datetime) else value


def parse_path(value: Any) -> Any:
    """A path as written; empty text is none."""
    return Path(value) if isinstance(value, str) and value.strip() and "\0" not in value else value


Size = Annotated[int, BeforeValidator(parse_size)]
Day = Annotated[datetime.date, BeforeValidator(parse_day)]
FilePath = Annotated[Path, BeforeValidator(parse_path)]
Port = Annotated[int, Field(ge=1, le=65535)]


def absolute(base: Path, path: Path | None) -> Path | None:
    """A path of a spec, seen from the folder of its file."""
    return None if path is None else (base / path.expanduser()).absolute()
