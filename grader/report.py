"""Writes the report of a class: one self-contained page, and the same grades as CSV.

The page holds its styles, drawings and script, and its content policy allows nothing else. Names,
titles and reasons come from people and from student code: the templates escape every one.
"""

from __future__ import annotations

import base64
import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from itertools import groupby
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from grader.charts import outcome_bar, score_histogram, submission_timeline
from grader.durable import write_text
from grader.figures import ClassFigures, Waiting
from grader.grades_csv import grades_csv
from grader.grid import Grid, build_grid, points_text
from grader.heat_map import MARKS, heat_map
from grader.plain_text import first_line, readable
from grader.results import ClassResults

TEMPLATES = Path(__file__).parent / "templates"
HTML_NAME = "report.html"
CSV_NAME = "grades.csv"
#: The page lists this much of the queue; the CSV has all of it.
MOST_WAITING = 400
MOST_CAUSES = 10


@dataclass(frozen=True)
class ReportFiles:
    """Where the report lies."""

    html: Path
    csv: Path


def write_report(results: ClassResults, folder: Path) -> ReportFiles:
    """Write both files, each replaced only once the new one is whole."""
    grid = build_grid(results)
    files = ReportFiles(html=folder / HTML_NAME, csv=folder / CSV_NAME)
    page, table = render_page(results, grid), grades_csv(grid)
    # Grades concern nobody else on this machine.
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    write_text(files.csv, table)
    write_text(files.html, page)
    return files


def render_page(results: ClassResults, grid: Grid) -> str:
    """The page as text. Times are shown in the zone of `results.generated_at`."""
    figures = ClassFigures(grid)
    zone = results.generated_at.tzinfo or UTC
    style, script = _own_text("report.css"), _own_text("report.js")
    page = _environment(zone).get_template("report.html.j2")
    return page.render(
        results=results,
        grid=grid,
        figures=figures,
        heat=heat_map(grid),
        histograms=[score_histogram(lab) for lab in figures.labs],
        timeline=submission_timeline(figures.labs, len(grid.rows), zone),
        marks=MARKS,
        queue=_queue(figures.waiting),
        unsealed=any(not lab.sealed for lab in grid.labs),
        most_waiting=MOST_WAITING,
        most_causes=MOST_CAUSES,
        style=style,
        script=script,
        policy=_policy(style, script),
    )


def _environment(zone: tzinfo) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        finalize=_printed,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )

    def clock(moment: datetime, style: str = "%-d %b, %H:%M") -> str:
        return _local(moment, zone).strftime(style)

    def iso(moment: datetime) -> str:
        return _local(moment, zone).isoformat(timespec="seconds")

    environment.filters |= {
        "points": points_text,
        "percent": _percent,
        "line": first_line,
        "clock": clock,
        "iso": iso,
        "bar": outcome_bar,
    }
    return environment


def _printed(value: object) -> object:
    """Every text on its way to the page; jinja2 escapes it after this."""
    return readable(value) if type(value) is str else value


def _queue(waiting: Sequence[Waiting]) -> list[tuple[str, int, list[Waiting]]]:
    """What the page lists of the queue: each reason, how often it occurs at all, and the work."""
    counts = Counter(each.reason for each in waiting)
    groups = groupby(waiting[:MOST_WAITING], key=lambda each: each.reason)
    return [(reason, counts[reason], list(group)) for reason, group in groups]


def _percent(share: float) -> str:
    return f"{100 * share:.0f}%"


def _local(moment: datetime, zone: tzinfo) -> datetime:
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return aware.astimezone(zone)


def _own_text(name: str) -> Markup:
    """A file of ours, as it is: the only text on the page that nothing escapes."""
    return Markup((TEMPLATES / name).read_text(encoding="utf-8"))  # noqa: S704


def _policy(style: str, script: str) -> str:
    """Our styles and our script by their hashes, and nothing else from anywhere."""
    return "; ".join(
        [
            "default-src 'none'",
            f"style-src '{_hash(style)}'",
            f"script-src '{_hash(script)}'",
            "base-uri 'none'",
            "form-action 'none'",
        ]
    )


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
