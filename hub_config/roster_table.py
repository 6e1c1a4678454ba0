"""A CSV file from any spreadsheet as rows with known columns."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from provisioning.errors import BadInput, Place
from provisioning.spec_file import describe, nearest

NEEDED = ("name", "email")
COLUMNS = (*NEEDED, "role", "username")
HEADER = "name,email,role"

_DELIMITERS = ",;\t"
#: Excel's way to say which delimiter follows.
_DECLARATION = re.compile(r"\s*sep=(.)\s*", re.IGNORECASE)


@dataclass(frozen=True)
class Row:
    """One person's cells. A row may span lines; `line` is its first."""

    line: int
    cells: dict[str, str]

    def cell(self, column: str) -> str:
        return self.cells.get(column, "")


def read_table(path: Path, text: str) -> tuple[Row, ...]:
    """The rows below the header; blank ones are left out."""
    rows = _filled_rows(path, text)
    header = next(rows, None)
    if header is None:
        raise BadInput(Place(path), "found an empty file", f"write the header {HEADER} first")
    columns = _columns(path, *header)
    table = tuple(_row(path, columns, line, cells) for line, cells in rows)
    if not table:
        found = "found a header and no people"
        raise BadInput(Place(path, header[0]), found, "write one line per person below it")
    return table


def _filled_rows(path: Path, text: str) -> Iterator[tuple[int, list[str]]]:
    """Every row with something in it, and the line on which it begins."""
    lines = io.StringIO(text, newline="")
    skipped = 0
    first = lines.readline()
    if declared := _DECLARATION.fullmatch(first):
        delimiter, skipped = declared[1], 1
    else:
        delimiter = _delimiter(text)
        lines.seek(0)
    if delimiter not in _DELIMITERS:
        found = f"found the delimiter {describe(delimiter)}"
        raise BadInput(Place(path, 1), found, "separate the columns with commas")
    reader = csv.reader(lines, delimiter=delimiter, skipinitialspace=True, strict=True)
    line = skipped + 1
    try:
        for cells in reader:
            cells = [cell.strip() for cell in cells]
            if any(cells):
                yield line, cells
            line = skipped + reader.line_num + 1
    except csv.Error as error:
        write = 'write "" for a quote inside a quoted cell, and close every quote'
        raise BadInput(Place(path, line), f"found a wrong quote: {error}", write) from None


def _delimiter(text: str) -> str:
    """What stands most often in the first line that isn't blank."""
    header = next((line for line in text.split("\n") if line.strip()), "")
    return max(_DELIMITERS, key=header.count)


def _columns(path: Path, line: int, cells: list[str]) -> list[str]:
    """The header's columns. Case, spaces and dashes don't matter: `E-Mail` is email."""
    columns = [re.sub(r"[\s_-]", "", cell.casefold()) for cell in cells]
    if "email" not in columns and any("@" in cell for cell in cells):
        found = f"found {describe(cells[0])} where the header should be"
        raise BadInput(Place(path, line), found, f"write the header {HEADER} first")
    for column, written in zip(columns, cells, strict=True):
        if column and column not in COLUMNS:
            found = f"found the unknown column {describe(written)}"
            meant = nearest(column, COLUMNS)
            write = (
                f"write {meant}" if meant else f"remove it; the columns are {', '.join(COLUMNS)}"
            )
            raise BadInput(Place(path, line), found, write)
        if column and columns.count(column) > 1:
            found = f"found the column {column} twice"
            raise BadInput(Place(path, line), found, "remove one of them")
    for column in NEEDED:
        if column not in columns:
            found = f"found no column {column}"
            raise BadInput(Place(path, line), found, f"write the header {HEADER}")
    return columns


def _row(path: Path, columns: list[str], line: int, cells: list[str]) -> Row:
    named = dict(zip(columns, cells, strict=False))
    beyond = [*cells[len(columns) :], named.pop("", "")]
    if any(beyond):
        found = f"found {len(cells)} cells under a header of {sum(map(bool, columns))}"
        raise BadInput(Place(path, line), found, "put a name that holds a comma in quotes")
    return Row(line, named)
