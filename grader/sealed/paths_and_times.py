"""Paths, dates and times by value: what checks of files and calendars pass around."""

from __future__ import annotations

import datetime
import pathlib
from typing import Any

from grader.sealed.codec import Decoder, Encoder, Reader, Writer

_PATHS: dict[str, type[pathlib.PurePath]] = {
    kind.__name__: kind
    for kind in (pathlib.PosixPath, pathlib.PurePosixPath, pathlib.PureWindowsPath)
}


def _write_zoned(_: Encoder, value: Any, __: int) -> list[Any] | None:
    """A time zone of a library has rules of its own, so it can't cross; an offset can."""
    if value.tzinfo is not None and type(value.tzinfo) is not datetime.timezone:
        return None
    return [type(value).__name__, value.isoformat(), value.fold]


def _read_zoned(kind: Any) -> Reader:
    def read(_: Decoder, data: list[Any], __: int) -> Any:
        return kind.fromisoformat(data[0]).replace(fold=data[1])

    return read


WRITERS: dict[type, Writer] = {
    **{kind: lambda e, v, d: ["path", type(v).__name__, str(v)] for kind in _PATHS.values()},
    datetime.date: lambda e, v, d: ["date", v.isoformat()],
    datetime.datetime: _write_zoned,
    datetime.time: _write_zoned,
    datetime.timedelta: lambda e, v, d: ["timedelta", v.days, v.seconds, v.microseconds],
}
READERS: dict[str, Reader] = {
    "path": lambda r, v, d: _PATHS[v[0]](v[1]),
    "date": lambda r, v, d: datetime.date.fromisoformat(v[0]),
    "datetime": _read_zoned(datetime.datetime),
    "time": _read_zoned(datetime.time),
    "timedelta": lambda r, v, d: datetime.timedelta(v[0], v[1], v[2]),
}
