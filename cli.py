"""The command line: parse, confirm, render, exit codes. What is done is done in the rooms.

The commands stand in the order of a workshop: init, check, up, rehearse, status, release,
grade, report, down; `demo` plays all of them on this machine.
"""

from __future__ import annotations

import dataclasses
import json
import os
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from grader.errors import GraderError
from grader.errors import NotPossibleHere as NotGradableHere
from grader.pdf import print_to_pdf
from grader.spec import CourseSpec
from hub_config.bring_up import UpRequest, look, make_order, refuse_what_stops
from hub_config.course_commands import ask_grader, grade, rehearse, release
from hub_config.course_desk import CourseDesk
from hub_config.coursework_commands import course
from hub_config.down import take_down
from hub_config.grading_process import GradingInputBad
from hub_config.people import Person, walk_ins
from hub_config.rehearsal.demo import play
from hub_config.rehearsal.stage import forget_last_demo, write_demo
from hub_config.roster import read_roster
from hub_config.screens import (
    scores_table,
    status_table,
    times_table,
)
from hub_config.seat_commands import seat, show_codes
from hub_config.spec import WorkshopSpec, check_files
from hub_config.status import read_status
from hub_config.up import Prepared, prepare, seat_people, start, start_every_seat
from hub_config.workshop_file import write_first_files
from provisioning.commands.environments import env
from provisioning.commands.fleet import (
    access,
    bring_up_hosts,
    extend,
    hosts_status,
    plan,
    start_hosts,
    stop_hosts,
    take_hosts_down,
)
from provisioning.commands.hosts import host
from provisioning.commands.screens import findings_table
from provisioning.commands.shipping import COMMANDS as SHIPPING
from provisioning.commands.sweep import sweep
from provisioning.environments.conda.channels import parse_channels
from provisioning.environments.delivery import Depot
from provisioning.errors import (
    AlreadyTaken,
    BadInput,
    NotPossibleHere,
    Place,
    StepFailed,
    WorkshopError,
)
from provisioning.fleet_desk import FleetDesk, FleetRequest
from provisioning.folders import locked
from provisioning.paths import StatePaths, default_state_root
from provisioning.progress_view import ProgressView
from provisioning.spec_file import place_of, read_spec

#: Wide enough for every table.
PIPE_WIDTH = 150
SOURCE = Path(__file__).resolve().parent
#: Exit codes: 2 means that a person must change a file or this machine first.
FAILED, CHANGE_SOMETHING = 1, 2


@dataclass(frozen=True)
class Session:
    """One call of the command line: which file, which state folder, where to print."""

    spec_file: Path
    state_root: Path
    console: Console

    @cached_property
    def spec(self) -> WorkshopSpec:
        if not self.spec_file.exists():
            write = "write one with `workshop init`, or name yours with -f"
            raise BadInput(Place(self.spec_file), "found no such file", write)
        spec = read_spec(self.spec_file, WorkshopSpec).resolve(self.spec_file.resolve().parent)
        check_files(spec, self.spec_file)
        return spec

    @cached_property
    def course(self) -> CourseSpec:
        file = self.spec.course / "course.yaml"
        course = read_spec(file, CourseSpec)
        if self.spec.track is not None and self.spec.track not in course.tracks:
            known = ", ".join(course.tracks) or "none"
            found = f"found {self.spec.track}"
            place = place_of(self.spec_file, "track")
            raise BadInput(place, found, f"write a track of {file}: {known}")
        return course

    @cached_property
    def people(self) -> tuple[Person, ...]:
        if self.spec.roster is None:
            return walk_ins(self.spec.seats or 0)
        return read_roster(self.spec.roster)

    @cached_property
    def paths(self) -> StatePaths:
        return StatePaths(self.state_root, self.spec.name)

    @cached_property
    def fleet(self) -> FleetDesk:
        """The hosts that the file asks for. NotPossibleHere when it asks for none."""
        if self.spec.hosts is None:
            raise NotPossibleHere(
                f"{self.spec_file} asks for no hosts: this workshop runs on this machine",
                next_step="write a `hosts:` section; docs/first-workshop-on-ec2.md explains it",
            )
        return FleetDesk(
            FleetRequest(
                workshop=self.spec.name,
                hosts=self.spec.hosts,
                hub_port=self.spec.hub.port,
                spec_hash=sha256(self.spec.hosts.model_dump_json().encode()).hexdigest()[:12],
                spec_file=self.spec_file,
                paths=self.paths,
                depot=self.depot,
            )
        )

    @cached_property
    def depot(self) -> Depot:
        """Environments by name; `WORKSHOP_CHANNEL` names mirrors of conda channels."""
        channels = parse_channels(os.environ.get("WORKSHOP_CHANNEL", "").split())
        return Depot(self.paths, self.request.environment_file, channels)

    @property
    def day(self) -> date | None:
        return self.spec.date

    @property
    def today(self) -> date:
        return today()

    def alone(self) -> AbstractContextManager[None]:
        self.paths.root.mkdir(parents=True, exist_ok=True)
        return one_at_a_time(self)

    @property
    def labs(self) -> dict[str, str]:
        """The labs of this workshop, each with the environment it runs in."""
        return {lab.name: lab.environment for lab in self.course.chosen(self.spec.track)}

    @property
    def course_desk(self) -> CourseDesk:
        """The grader's door: it gets the labs of the chosen track, as JSON.

        NotPossibleHere for a workshop with hosts: its hub is not on this machine.
        """
        if self.spec.hosts is not None:
            raise NotPossibleHere(
                "A hub on the workshop's own hosts is not in this version: `up` makes the hosts "
                "ready and furnishes them, and that is all it does with them",
                next_step=f"to hold a class on this machine, remove `hosts:` from {self.spec_file}",
            )
        labs = self.course.chosen(self.spec.track)
        course = self.course.model_copy(update={"labs": labs, "tracks": {}})
        return CourseDesk(self.paths, self.spec.course, course.model_dump(mode="json"))

    @property
    def request(self) -> UpRequest:
        return UpRequest(
            spec=self.spec,
            spec_file=self.spec_file,
            paths=self.paths,
            people=self.people,
            course=self.course.name,
            kernels=tuple(sorted(set(self.labs.values()))),
            source=SOURCE,
            arm=any("arm" in lab.needs for lab in self.course.chosen(self.spec.track)),
        )


def exit_code_of(error: WorkshopError | GraderError) -> int:
    """The one place where families of failures become exit codes."""
    match error:
        case BadInput() | AlreadyTaken() | GradingInputBad():
            return CHANGE_SOMETHING
        case NotPossibleHere() | NotGradableHere():
            return CHANGE_SOMETHING
        case _:
            return FAILED


class Refused(click.ClickException):
    """One message, what helps, and an exit code; no traceback."""

    def __init__(self, error: WorkshopError | GraderError) -> None:
        super().__init__("\n".join([str(error), *getattr(error, "__notes__", ())]))
        self.next_step = error.next_step
        self.exit_code = exit_code_of(error)  # type: ignore[misc] # click reads the instance

    def show(self, file: Any = None) -> None:
        click.echo(f"workshop: {self.message}", err=True)
        if self.next_step:
            click.echo(f"  → {self.next_step}", err=True)


class Commands(click.Group):
    """Keeps the order of the workshop in --help, and turns failures into messages."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (WorkshopError, GraderError) as error:
            raise Refused(error) from error


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "-f",
    "--file",
    "spec_file",
    type=click.Path(path_type=Path),
    default=Path("workshop.yaml"),
    show_default=True,
    help="The workshop's file.",
)
@click.option(
    "--state",
    type=click.Path(path_type=Path),
    help="Where workshops are kept. Default: /var/lib/workshop as root, else below your home.",
)
@click.version_option(package_name="hands-on-workshop")
@click.pass_context
def workshop(ctx: click.Context, spec_file: Path, state: Path | None) -> None:
    """One file and a roster become a running hands-on workshop.

    \b
    The usual order:
      workshop init        write workshop.yaml and roster.csv
      workshop check       is everything here, is every line right?
      workshop plan        with hosts in a cloud: what will they cost?
      workshop up          build, start, print the seat codes
      workshop rehearse    robots try it before people arrive
      workshop release     hand out the labs
      workshop grade       collect, grade, send feedback back
      workshop report      a page about the class
      workshop down        archive the work, leave nothing behind

    Exit codes: 0 done, 1 failed, 2 change a file or this machine first.
    """
    root = (state or default_state_root(os.environ, os.geteuid())).resolve()
    ctx.obj = Session(spec_file, root, make_console())


@workshop.command()
@click.argument("folder", type=click.Path(path_type=Path), default=Path())
@click.option(
    "--name",
    default="my-workshop",
    show_default=True,
    help="Lower-case letters, digits and dashes; at most 20.",
)
@click.pass_obj
def init(session: Session, folder: Path, name: str) -> None:
    """Write a commented workshop.yaml and a roster to start from.

    FOLDER is where; without it, here. Nothing that exists is overwritten.
    """
    spec, roster = write_first_files(folder.resolve(), name, SOURCE / "coursework" / "nlp")
    click.echo(f"Wrote {spec} and {roster}.\nEdit both, then: workshop -f {spec} check")


@workshop.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
@click.pass_obj
def check(session: Session, as_json: bool) -> None:
    """Read every file and look at this machine; change nothing."""
    findings = look(session.request, today())
    if as_json:
        click.echo(json.dumps([dataclasses.asdict(finding) for finding in findings], indent=2))
    else:
        session.console.print(findings_table(findings))
        people = len(session.people)
        click.echo(f"{session.spec_file}: {people} people, {len(session.labs)} labs.")
    refuse_what_stops(findings)


@workshop.command()
@click.option(
    "--start-seats/--no-start-seats",
    default=True,
    help="Start everybody's server now, or only when they come. Default: now.",
)
@click.option("--yes", is_flag=True, help="Don't ask before hosts are created that cost money.")
@click.pass_obj
def up(session: Session, start_seats: bool, yes: bool) -> None:
    """Build what is missing, start the hub, print new seat codes.

    With `hosts:` in the file: create the hosts, make them ready, furnish them.

    It goes on running in the background until `workshop down`. Repeat it after an
    accident: it starts what is missing and leaves the rest alone.
    """
    if session.spec.hosts is not None:
        bring_up_hosts(session, yes)
        return
    prepared = bring_up(session, start_seats)
    click.echo(f"The hub is at {prepared.settings.address}")
    if prepared.nothing_to_do:
        click.echo("Nothing to do: it is up.")
    elif not any((session.paths.exchange / "releases").glob("*")):
        click.echo("Next: workshop release")


@workshop.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
@click.pass_obj
def status(session: Session, as_json: bool) -> None:
    """What runs, who is there, who has submitted."""
    if session.spec.hosts is not None:
        hosts_status(session, as_json)
        return
    found = read_status(session.paths)
    if as_json:
        click.echo(json.dumps(dataclasses.asdict(found), indent=2, default=str))
    else:
        session.console.print(status_table(found))


for command in (rehearse, release, grade):
    workshop.add_command(command)


@workshop.command()
@click.option("--pdf", is_flag=True, help="Print the page to PDF too; needs Chromium.")
@click.option("--json", "as_json", is_flag=True, help="The results, for programs.")
@click.pass_obj
def report(session: Session, pdf: bool, as_json: bool) -> None:
    """A page about the class, and its grades as CSV.

    Both are written below the state folder; staff see the page in the hub, too.
    """
    if as_json:
        click.echo(json.dumps(ask_grader(session, "results"), indent=2))
        return
    result = ask_grader(session, "report")
    click.echo(f"Report: {result['html']}\nGrades: {result['csv']}")
    if pdf:
        target = Path(result["html"]).with_suffix(".pdf")
        print_to_pdf(Path(result["html"]), target)
        click.echo(f"PDF:    {target}")


@workshop.command()
@click.option("--yes", is_flag=True, help="Don't ask.")
@click.option("--region", "regions", multiple=True, help="With hosts: look here only. Repeatable.")
@click.pass_obj
def down(session: Session, yes: bool, regions: tuple[str, ...]) -> None:
    """Archive everybody's work, end everything.

    With `hosts:` in the file: end them, delete what belongs to them, and list what is left.

    Nothing is left outside the state folder. Codes, grades and reports stay in it: `up`
    brings the workshop back.
    """
    if session.spec.hosts is not None:
        take_hosts_down(session, yes, regions)
        return
    found = read_status(session.paths)
    working = sum(seat.running for seat in found.seats)
    if working and not yes and sys.stdin.isatty():
        click.confirm(f"{working} seats are running. Their work is archived. End them?", abort=True)
    with one_at_a_time(session), ProgressView(session.console) as progress:
        result = take_down(session.paths, datetime.now(UTC), progress)
    if not result.was_running and result.archive is None and not result.accounts:
        click.echo("Nothing to do: this workshop is down.")
        return
    if result.archive:
        click.echo(f"The attendees' work: {result.archive}")
    click.echo(f"Down. Grades and reports stay in {session.paths.home}")


for command in SHIPPING:
    env.add_command(command)
for command in (seat, course, plan, host, env, access, extend, stop_hosts, start_hosts, sweep):
    workshop.add_command(command)


@workshop.command()
@click.option("--port", default=8000, show_default=True, help="Where the demo's hub listens.")
@click.option("--keep", is_flag=True, help="Leave it running, to look at it in a browser.")
@click.pass_context
def demo(ctx: click.Context, port: int, keep: bool) -> None:
    """A whole workshop on this machine: five robots learn, submit and are graded.

    After --keep, end it with: workshop -f STATE/demo-files/workshop.yaml down
    """
    begun = time.monotonic()
    outer: Session = ctx.obj
    folder = outer.state_root / "demo-files"
    spec = write_demo(folder, SOURCE / "coursework" / "nlp", port)
    session = Session(spec, outer.state_root, outer.console)
    take_down(session.paths, datetime.now(UTC), lambda *at: None)
    forget_last_demo(session.paths)
    try:
        prepared = bring_up(session, with_seats=True)
        with ProgressView(session.console) as progress:
            outcome = play(prepared, session.course_desk, session.labs, progress)
    finally:
        if not keep:
            ctx.obj = session
            ctx.invoke(down, yes=True)
    session.console.print(times_table(outcome.times), scores_table(outcome.lines))
    click.echo(f"Report: {session.paths.reports / 'report.html'}")
    click.echo(f"The whole workshop took {time.monotonic() - begun:.0f} s.")
    if outcome.failures:
        raise StepFailed("The demo did not go as it must:\n  " + "\n  ".join(outcome.failures))


# --- what several commands need -------------------------------------------------------


def bring_up(session: Session, with_seats: bool) -> Prepared:
    """Everything up to a hub that answers, with the course opened in nbgrader."""
    refuse_what_stops(look(session.request, today()))
    session.paths.root.mkdir(parents=True, exist_ok=True)
    with one_at_a_time(session):
        return bring_up_alone(session, with_seats)


@contextmanager
def one_at_a_time(session: Session) -> Iterator[None]:
    """Two commands that change the same workshop wait for each other."""
    if not session.paths.root.is_dir():
        yield
        return
    waiting = "Another command changes this workshop: waiting for it."
    with locked(session.paths.lock, on_wait=lambda: click.echo(waiting)):
        yield


def bring_up_alone(session: Session, with_seats: bool) -> Prepared:
    with ProgressView(session.console) as progress:
        order = make_order(session.request, progress)
    issued = seat_people(order)
    show_codes(session, issued)
    with ProgressView(session.console) as progress:
        prepared = prepare(order, issued, progress)
        session.course_desk.open(prepared, progress)
        prepared = start(prepared, progress)
        if with_seats:
            start_every_seat(prepared, progress, time.sleep)
    return prepared


def make_console() -> Console:
    """A pipe has no width: lines stay whole there, and tables get room."""
    if sys.stdout.isatty():
        return Console()
    return Console(soft_wrap=True, width=PIPE_WIDTH)


def today() -> date:
    return datetime.now(UTC).date()


def main() -> None:
    """The console script: foreseen failures are messages, others go to a log file."""
    try:
        workshop(standalone_mode=True)
    except Exception:
        log = default_state_root(os.environ, os.geteuid()) / "crash.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_text(traceback.format_exc())
        click.echo(f"workshop: an unexpected failure; its details are in {log}", err=True)
        click.echo("  → nothing was lost; repeat the command, or send that file", err=True)
        sys.exit(FAILED)
