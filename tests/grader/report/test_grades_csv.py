"""The CSV has the promised columns, and no cell that a spreadsheet would run."""

from __future__ import annotations

import csv
import io
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from grader.grades_csv import grades_csv
from grader.grid import Grid, build_grid
from grader.results import ClassResults


def table_of(grid: Grid) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(grades_csv(grid).removeprefix("\ufeff"))))


def with_first_name(results: ClassResults, name: str) -> ClassResults:
    first, *others = results.attendees
    return replace(results, attendees=(replace(first, name=name), *others))


def test_the_csv_has_a_row_per_attendee_and_lab_and_a_total(class_of_four: ClassResults) -> None:
    assert grades_csv(build_grid(class_of_four)).splitlines()[:4] == [
        "\ufeffattendee,name,lab,score,max,submitted_at,judging,one/a,one/b,two/c",
        "ann,Ann,one,6,6,2026-12-01T09:00:00Z,sealed,2,4,",
        "ann,Ann,two,0,4,2026-12-01T09:00:00Z,sealed,,,0",
        "ann,Ann,total,6,10,2026-12-01T09:00:00Z,sealed,2,4,0",
    ]
    absent = table_of(build_grid(class_of_four))[-1]
    assert list(absent.values()) == ["dee", "Dee", "total", "", "10", "", "sealed", "", "", ""]


def test_rows_of_an_unsealed_lab_and_their_totals_say_so(class_of_four: ClassResults) -> None:
    one, two = class_of_four.labs
    mixed = replace(class_of_four, labs=(one, replace(two, sealed=False)))
    marks = {(row["lab"], row["judging"]) for row in table_of(build_grid(mixed))}
    assert marks == {("one", "sealed"), ("two", "unsealed"), ("total", "unsealed")}


@pytest.mark.parametrize(
    ("name", "cell"),
    [
        ("=1+1", "'=1+1"),
        ("+49 30 1", "'+49 30 1"),
        ("-1", "'-1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1+1", "' =1+1"),
        ("  =1+1", "'  =1+1"),
        ("＝1+1", "'＝1+1"),
        ("Zoë\r\nO’Brien", "Zoë  O’Brien"),
    ],
)
def test_no_cell_of_the_csv_is_a_formula(name: str, cell: str, class_of_four: ClassResults) -> None:
    table = table_of(build_grid(with_first_name(class_of_four, name)))
    assert {row["name"] for row in table if row["attendee"] == "ann"} == {cell}


@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(name=st.text(max_size=60))
def test_no_name_makes_a_formula_or_breaks_the_table(
    name: str, class_of_four: ClassResults
) -> None:
    table = table_of(build_grid(with_first_name(class_of_four, name)))
    assert len(table) == 12
    assert not table[0]["name"].lstrip().startswith(("=", "+", "-", "@", "\t"))
