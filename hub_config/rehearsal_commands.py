"""The command `rehearse`: a class of robots before the class of people."""

from __future__ import annotations

import json
from datetime import UTC, datetime, time, timedelta
from typing import Any, Protocol

import click
from rich.console import Console
from rich.table import Table

from hub_config.course_desk import CourseDesk
from hub_config.hub_host.carried import CarriedCommand
from hub_config.install import write_if_changed
from hub_config.rehearsal.outcome import Outcome, StageTimes
from hub_config.rehearsal.page import headline_of, outcome_facts, outcome_page, shown, verdict_of
from hub_config.rehearsal.rehearse import MOST_ROBOTS, RehearsalOrder, clean_up, try_out
from provisioning.errors import StepFailed
from provisioning.progress_view import ProgressView

PAGE, FACTS = "rehearsal.html", "rehearsal.json"
_MODE = 0o640


class Classroom(Protocol):
    """What this command needs of the command line's session."""

    @property
    def course_desk(self) -> CourseDesk: ...
    @property
    def console(self) -> Console: ...


def _moment(_ctx: click.Context, _param: click.Parameter, value: str | None) -> datetime | None:
    """A time of the day here; the next time that it comes."""
    if value is None:
        return None
    try:
        wanted = time.fromisoformat(value)
    except ValueError:
        found = f"{value!r} is no time of the day: write it as 08:30"
        raise click.BadParameter(found) from None
    now = datetime.now().astimezone()
    moment = datetime.combine(now.date(), wanted).astimezone()
    return (moment if moment > now else moment + timedelta(days=1)).astimezone(UTC)


@click.command(cls=CarriedCommand)
@click.option(
    "--seats",
    default=3,
    show_default=True,
    type=click.IntRange(1, MOST_ROBOTS),
    help="How many robots.",
)
@click.option(
    "--at",
    "begins",
    callback=_moment,
    metavar="HH:MM",
    help="When they come. Default: now.",
)
@click.option(
    "--over",
    default=0.0,
    type=click.FloatRange(0, 3600),
    metavar="SECONDS",
    help="Let them arrive one after the other over this time. Default: all at once.",
)
@click.option("--lab", default="", help="Which lab. Default: the first released one.")
@click.option(
    "--start-seats",
    is_flag=True,
    help="Start their servers before they come, as `up` does for people.",
)
@click.option(
    "--patience",
    default=RehearsalOrder.patience,
    show_default=True,
    type=click.FloatRange(1, 3600),
    metavar="SECONDS",
    help="Red when 5 in 100 wait longer from the code to the first cell.",
)
@click.option("--clean-up", "only_clean", is_flag=True, help="Only remove what is left of robots.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
@click.pass_obj
def rehearse(classroom: Classroom, /, only_clean: bool, as_json: bool, **how: Any) -> None:
    """Let robots do what people will do, before people arrive: green or red.

    They log in by code, get a server, open JupyterLab, run a cell, hand in a lab and wait for
    the feedback. A third shut the tab without logging out; half of those go on elsewhere. They
    get seats of their own, which are gone afterwards with all that they did, also after Ctrl-C.
    Needs login by seat code.
    """
    desk = classroom.course_desk
    if only_clean:
        with ProgressView(classroom.console) as progress:
            count = clean_up(desk, progress)
        click.echo(f"Robots removed: {count}.")
        return
    with ProgressView(classroom.console) as progress:
        rehearsed = try_out(desk, RehearsalOrder(**how), progress)
    found = rehearsed.outcome
    facts = json.dumps(outcome_facts(found), indent=2)
    write_if_changed(desk.paths.reports / PAGE, outcome_page(rehearsed), _MODE)
    write_if_changed(desk.paths.reports / FACTS, facts + "\n", _MODE)
    if as_json:
        click.echo(facts)
    else:
        _show(classroom.console, found)
        click.echo(f"The page: {desk.paths.reports / PAGE}")
    if not found.green:
        raise _red(found)


def _show(console: Console, found: Outcome) -> None:
    table = Table(title=f"What {found.setting.seats} robots did", title_justify="left")
    table.add_column("Stage")
    for heading in ("Half within", "95 of 100 within", "Slowest"):
        table.add_column(heading, justify="right")
    for each in found.stages:
        table.add_row(*_row(each))
    if found.to_first_cell:
        table.add_section()
        table.add_row(*_row(found.to_first_cell))
    console.print(table)
    click.echo(f"{verdict_of(found)}: {headline_of(found)}.")
    for advised in found.advice:
        click.echo(f"  → {advised}")


def _row(times: StageTimes) -> tuple[str, str, str, str]:
    return times.stage, shown(times.p50), shown(times.p95), shown(times.slowest)


def _red(found: Outcome) -> StepFailed:
    lines = [
        f"{each.words} ({each.count} at “{each.stage or 'arrival'}”): {each.said}\n    → "
        f"{each.next_step}"
        for each in found.troubles
    ]
    text = "\n  ".join([f"Not ready: {headline_of(found)}", *lines])
    return StepFailed(text, next_step="change that, then rehearse again")
