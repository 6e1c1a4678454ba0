"""The commands that begin a workshop, look at it and end it: init, check, up, status, down."""

from __future__ import annotations

import dataclasses
import json
import sys
import time
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

import click

from hub_config.bring_up import look, make_order, refuse_what_stops
from hub_config.course_desk import CourseDesk
from hub_config.down import take_down
from hub_config.hub_host.homes_elsewhere import restore_to_hosts
from hub_config.hub_host.own_address import ensure_own_address
from hub_config.hub_host.room_for_seats import refuse_too_few_places
from hub_config.hub_host.smoke import refuse_no_login
from hub_config.hub_host_commands import Organiser, down_on_hosts, status_on_hosts, up_on_hosts
from hub_config.people import Person
from hub_config.screens import status_table
from hub_config.seat_commands import show_codes
from hub_config.spec import check_date
from hub_config.status import read_status
from hub_config.up import Prepared, prepare, seat_people, start, start_every_seat
from hub_config.workshop_file import write_first_files
from provisioning.commands.screens import findings_table
from provisioning.findings import Finding
from provisioning.progress_view import ProgressView

SOURCE = Path(__file__).resolve().parents[1]


class Head(Organiser, Protocol):
    """What these commands need of the command line's session."""

    @property
    def spec_file(self) -> Path: ...
    @property
    def people(self) -> tuple[Person, ...]: ...
    @property
    def labs(self) -> dict[str, str]: ...
    @property
    def course_desk(self) -> CourseDesk: ...
    def alone_if_there(self) -> AbstractContextManager[None]: ...


@click.command()
@click.argument("folder", type=click.Path(path_type=Path), default=Path())
@click.option(
    "--name",
    default="my-workshop",
    show_default=True,
    help="Lower-case letters, digits and dashes; at most 20.",
)
def init(folder: Path, name: str) -> None:
    """Write a commented workshop.yaml and a roster to start from.

    FOLDER is where; without it, here. Nothing that exists is overwritten.
    """
    spec, roster = write_first_files(folder.resolve(), name, SOURCE / "coursework" / "nlp")
    click.echo(f"Wrote {spec} and {roster}.\nEdit both, then: workshop -f {spec} check")


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
@click.pass_obj
def check(session: Head, as_json: bool) -> None:
    """Read every file and look at this machine; change nothing."""
    findings = _look(session)
    if as_json:
        click.echo(json.dumps([dataclasses.asdict(finding) for finding in findings], indent=2))
    else:
        session.console.print(findings_table(findings))
        people = len(session.people)
        click.echo(f"{session.spec_file}: {people} people, {len(session.labs)} labs.")
    refuse_what_stops(findings)


@click.command()
@click.option(
    "--start-seats/--no-start-seats",
    default=True,
    help="Start everybody's server now, or only when they come. Default: now.",
)
@click.option("--yes", is_flag=True, help="Don't ask before hosts are created that cost money.")
@click.pass_obj
def up(session: Head, start_seats: bool, yes: bool) -> None:
    """Build what is missing, start the hub, print new seat codes.

    With `hosts:` in the file: create the hosts, make them ready, furnish them, install the hub
    on one and seats on the others.

    It goes on running in the background until `workshop down`. Repeat it after an
    accident: it starts what is missing and leaves the rest alone.
    """
    if session.spec.hosts is not None:
        up_on_hosts(session, start_seats, yes)
        return
    prepared = bring_up(session, start_seats)
    click.echo(f"The hub is at {prepared.settings.address}")
    if prepared.nothing_to_do:
        click.echo("Nothing to do: it is up.")
    elif not any((session.paths.exchange / "releases").glob("*")):
        click.echo("Next: workshop release")


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
@click.pass_obj
def status(session: Head, as_json: bool) -> None:
    """What runs, who is there, who has submitted."""
    if session.spec.hosts is not None:
        status_on_hosts(session, as_json)
        return
    found = read_status(session.paths)
    if as_json:
        click.echo(json.dumps(dataclasses.asdict(found), indent=2, default=str))
    else:
        session.console.print(status_table(found))


@click.command()
@click.option("--yes", is_flag=True, help="Don't ask.")
@click.option("--region", "regions", multiple=True, help="With hosts: look here only. Repeatable.")
@click.option(
    "--leave-work",
    is_flag=True,
    help="With hosts: end them also when some of the work on them can't be fetched.",
)
@click.pass_obj
def down(session: Head, yes: bool, regions: tuple[str, ...], leave_work: bool) -> None:
    """Archive everybody's work, end everything.

    With `hosts:` in the file: fetch the work to this computer, end the hosts, delete what
    belongs to them, and list what is left.

    Nothing is left outside the state folder. Codes, grades and reports stay in it: `up`
    brings the workshop back.
    """
    if session.spec.hosts is not None:
        down_on_hosts(session, yes, regions, leave_work=leave_work)
        return
    found = read_status(session.paths)
    working = sum(seat.running for seat in found.seats)
    if working and not yes and sys.stdin.isatty():
        click.confirm(f"{working} seats are running. Their work is archived. End them?", abort=True)
    with session.alone_if_there(), ProgressView(session.console) as progress:
        now = datetime.now(UTC)
        result = take_down(session.paths, now, progress, leave_work=leave_work)
    if session.on_hub_host:
        return  # whoever carried this fetches the work, and says where it is
    if not result.was_running and result.archive is None and not result.accounts:
        click.echo("Nothing to do: this workshop is down.")
        return
    if result.archive:
        click.echo(f"The attendees' work: {result.archive}")
    if database := session.spec.hub.database:
        click.echo(f"The tables of the hub and the gradebook stay in {database}")
    click.echo(f"Down. Grades and reports stay in {session.paths.home}")


def _look(session: Head) -> tuple[Finding, ...]:
    """This machine needs nothing for a hub that is on a host: `plan` says what hosts need."""
    if session.hub_order is None:
        return look(session.request, session.today)
    check_date(session.spec, session.today, session.spec_file)
    refuse_too_few_places(session.spec, session.people, session.fleet.wanted)
    hosts = len(session.fleet.wanted)
    what = f"everybody finds a seat on {hosts} hosts; `workshop plan` says what they cost"
    return (Finding("ok", what),)


def bring_up(session: Head, with_seats: bool) -> Prepared:
    """Everything up to a hub that answers, with the course opened in nbgrader."""
    refuse_what_stops(look(session.request, session.today))
    with session.alone():
        return bring_up_alone(session, with_seats)


def finish_hub_host(prepared: Prepared, progress: ProgressView) -> None:
    """What a hub host does when its hub answers and its links are open."""
    if facts := prepared.order.facts:
        ensure_own_address(facts.names[0])
    if prepared.settings.links is not None:
        restore_to_hosts(prepared.settings, progress)
    refuse_no_login(prepared.settings, prepared.secrets, progress)


def bring_up_alone(session: Head, with_seats: bool) -> Prepared:
    with ProgressView(session.console) as progress:
        order = make_order(session.request, progress)
    issued = seat_people(order)
    show_codes(session, issued)
    with ProgressView(session.console) as progress:
        prepared = prepare(order, issued, progress)
        session.course_desk.open(prepared, progress)
        prepared = start(prepared, progress)
        if order.facts is not None:
            finish_hub_host(prepared, progress)
        if with_seats:
            start_every_seat(prepared, progress, time.sleep)
    return prepared
