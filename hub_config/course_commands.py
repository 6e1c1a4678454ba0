"""The commands that make a course happen: release, grade."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Protocol

import click
from rich.console import Console

from hub_config.course_desk import CourseDesk
from hub_config.hub_host.carried import CarriedCommand, CarriedGroup
from hub_config.screens import (
    graded_lines,
    queue_lines,
    released_lines,
)
from provisioning.progress_view import ProgressView


class Classroom(Protocol):
    """What these commands need of the command line's session."""

    @property
    def course_desk(self) -> CourseDesk: ...
    @property
    def console(self) -> Console: ...


@click.command(cls=CarriedCommand)
@click.argument("labs", nargs=-1)
@click.pass_obj
def release(classroom: Classroom, labs: Sequence[str]) -> None:
    """Prove the labs, then hand them out.

    A lab is proved when its solution passes every check and the untouched lab scores zero.
    Without LABS: all labs of the course or track. An unchanged lab is left alone.
    """
    result = ask_grader(classroom, "release", *(f"--lab={lab}" for lab in labs))
    for line in released_lines(result):
        click.echo(line)


@click.group(cls=CarriedGroup, invoke_without_command=True)
@click.option("--only", multiple=True, metavar="LAB", help="This lab only; may be repeated.")
@click.option(
    "--attendee", multiple=True, metavar="USERNAME", help="This attendee only; may be repeated."
)
@click.option(
    "--force", is_flag=True, help="Grade unchanged submissions again; marks by hand stay."
)
@click.option("--watch", is_flag=True, help="Go on, and grade submissions as they come in.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
@click.pass_context
def grade(ctx: click.Context, /, watch: bool, as_json: bool, **choice: Any) -> None:
    """Collect submissions, grade them, send the feedback back.

    Safe at any moment: repeat it as often as you like. While the workshop is up, submissions
    are graded as they come in already, unless workshop.yaml says otherwise.
    """
    if ctx.invoked_subcommand is not None:
        return
    if watch:
        watch_submissions(ctx.obj, choice["only"])
        return
    result = ask_grader(ctx.obj, "grade", *_options(**choice))
    if as_json:
        click.echo(json.dumps(result, indent=2))
        return
    for line in graded_lines(result):
        click.echo(line)


@grade.command()
@click.option("--only", multiple=True, metavar="LAB", help="This lab only; may be repeated.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
@click.pass_obj
def queue(classroom: Classroom, only: Sequence[str], as_json: bool) -> None:
    """What waits for an assistant, because nobody could judge it, and what to do next.

    Also what waits to be graded. Changes nothing.
    """
    result = ask_grader(classroom, "queue", *_options(only))
    if as_json:
        click.echo(json.dumps(result, indent=2))
        return
    for line in queue_lines(result):
        click.echo(line)


def _options(
    only: Sequence[str], attendee: Sequence[str] = (), force: bool = False
) -> tuple[str, ...]:
    labs = tuple(f"--lab={lab}" for lab in only)
    people = tuple(f"--only={username}" for username in attendee)
    return (*labs, *people, *(["--force"] if force else []))


def watch_submissions(classroom: Classroom, only: Sequence[str]) -> None:
    """A line for each submission, until Ctrl-C."""

    def say(_stage: str, _done: int, _total: int, note: str) -> None:
        click.echo(f"{datetime.now(UTC):%H:%M:%S} {note}")

    click.echo("Waiting for submissions. Ctrl-C ends it; what is graded stays.")
    try:
        classroom.course_desk.ask("watch", *_options(only), progress=say)
    except KeyboardInterrupt:
        click.echo("Ended.")


def ask_grader(classroom: Classroom, verb: str, *options: str) -> dict[str, Any]:
    """One verb of the grader, with its progress shown."""
    with ProgressView(classroom.console) as progress:
        return classroom.course_desk.ask(verb, *options, progress=progress)
