"""The command line: parse, confirm, render, exit codes. What is done is done in the rooms.

The commands stand in the order of a workshop: init, check, up, rehearse, status, release,
grade, report, down; `demo` plays all of them on this machine.
"""

from __future__ import annotations

import json
import os
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
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
from hub_config.arm_hosts.unit import ENVIRONMENT as ARM_ENVIRONMENT
from hub_config.bring_up import UpRequest
from hub_config.course_commands import ask_grader, grade, release
from hub_config.course_desk import CourseDesk
from hub_config.coursework_commands import course
from hub_config.down import take_down
from hub_config.export_commands import export
from hub_config.grading_process import GradingInputBad
from hub_config.hub_host.bringing_up import HubOrder
from hub_config.hub_host.carried import carry
from hub_config.hub_host.facts import FACTS_NAME, HubHostFacts, with_own_authority
from hub_config.hub_host.layout import HUB_ENVIRONMENT
from hub_config.hub_host.lifeline import end_with
from hub_config.hub_host_commands import replace_host, report_on_hosts, settle_here
from hub_config.people import Person, walk_ins
from hub_config.rehearsal.demo import play
from hub_config.rehearsal.stage import forget_last_demo, write_demo
from hub_config.rehearsal_commands import rehearse
from hub_config.roster import read_roster
from hub_config.screens import scores_table, times_table
from hub_config.seat_commands import seat
from hub_config.spec import WorkshopSpec, check_files, check_workers
from hub_config.workshop_commands import bring_up, check, down, init, status, up
from provisioning.commands.environments import env
from provisioning.commands.fleet import access, extend, plan, start_hosts, stop_hosts
from provisioning.commands.hosts import host
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
from provisioning.fleet import Role
from provisioning.fleet_desk import FleetDesk, FleetRequest
from provisioning.folders import locked
from provisioning.paths import StatePaths, default_state_root
from provisioning.places import wanted_hosts
from provisioning.progress_view import ProgressView
from provisioning.spec_file import place_of, read_spec

#: Wide enough for every table.
PIPE_WIDTH = 150
SOURCE = Path(__file__).resolve().parent
STDIN = 0
#: Exit codes: 2 means that a person must change a file or this machine first.
FAILED, CHANGE_SOMETHING = 1, 2


@dataclass(frozen=True)
class Session:
    """One call of the command line: which file, which state folder, where to print."""

    spec_file: Path
    state_root: Path
    console: Console
    #: The instructor's computer carried this call to the hub host.
    on_hub_host: bool = False

    @cached_property
    def spec(self) -> WorkshopSpec:
        if not self.spec_file.exists():
            write = "write one with `workshop init`, or name yours with -f"
            raise BadInput(Place(self.spec_file), "found no such file", write)
        spec = read_spec(self.spec_file, WorkshopSpec).resolve(self.spec_file.resolve().parent)
        check_files(spec, self.spec_file)
        if self.facts is None:
            check_workers(spec, self.spec_file)
        return with_own_authority(spec, self.facts, self.state_root)

    @cached_property
    def facts(self) -> HubHostFacts | None:
        """On a hub host: what it was told of itself and the other hosts."""
        if not self.on_hub_host:
            return None
        text = (self.spec_file.parent / FACTS_NAME).read_bytes()
        return HubHostFacts.model_validate_json(text)

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
                of_class=self._of_class() if self.hub_is_on_a_host else {},
            )
        )

    def _of_class(self) -> dict[Role, tuple[str, ...]]:
        """The environments of a class, by the role of the hosts that need them."""
        seats = (HUB_ENVIRONMENT, *self.request.kernels)
        return {"hub": seats, "gpu": seats, "arm": (ARM_ENVIRONMENT,) if self.request.arm else ()}

    @property
    def hub_is_on_a_host(self) -> bool:
        """A host of the hub's role that shall have the hub's environment is the hub's host."""
        wanted = wanted_hosts(self.spec.hosts) if self.spec.hosts is not None else ()
        return any(each.role == "hub" and HUB_ENVIRONMENT in each.environments for each in wanted)

    @cached_property
    def hub_order(self) -> HubOrder | None:
        """How to bring the hub to its host; None where it runs on this machine, or nowhere."""
        if not self.hub_is_on_a_host:
            return None
        return HubOrder(self.spec, self.fleet, SOURCE, self.request.arm)

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
        return datetime.now(UTC).date()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Two commands that change the same workshop wait for each other."""
        self.paths.root.mkdir(parents=True, exist_ok=True)
        waiting = "Another command changes this workshop: waiting for it."
        with locked(self.paths.lock, on_wait=lambda: click.echo(waiting)):
            yield

    def alone_if_there(self) -> AbstractContextManager[None]:
        """The same, without making a state folder for a workshop that never was."""
        return self.alone() if self.paths.root.is_dir() else nullcontext()

    @property
    def labs(self) -> dict[str, str]:
        """The labs of this workshop, each with the environment it runs in."""
        return {lab.name: lab.environment for lab in self.course.chosen(self.spec.track)}

    @property
    def course_desk(self) -> CourseDesk:
        """The grader's door: it gets the labs of the chosen track, as JSON.

        NotPossibleHere for a workshop on hosts none of which is the hub's.
        """
        if self.spec.hosts is not None:
            raise NotPossibleHere(
                f"No host of {self.spec.name} is to have a hub, and with `hosts:` this machine has "
                "none either",
                next_step="add a host of the role hub with `environments: [hub]` to "
                f"{self.spec_file}, or remove `hosts:` to hold the class on this machine",
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
            facts=self.facts,
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
@click.option(
    "--on-hub-host", is_flag=True, hidden=True, help="Another computer carried this here."
)
@click.version_option(package_name="hands-on-workshop")
@click.pass_context
def workshop(ctx: click.Context, spec_file: Path, state: Path | None, on_hub_host: bool) -> None:
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
    if on_hub_host:
        end_with(STDIN)
    ctx.obj = Session(spec_file, root, make_console(), on_hub_host)


for command in (init, check, up, settle_here, status, rehearse, release, grade):
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
        if order := session.hub_order:
            carry(order, ("report", "--json"))
        else:
            click.echo(json.dumps(ask_grader(session, "results"), indent=2))
        return
    html, csv = write_report(session)
    click.echo(f"Report: {html}\nGrades: {csv}")
    if pdf:
        target = html.with_suffix(".pdf")
        print_to_pdf(html, target)
        click.echo(f"PDF:    {target}")


def write_report(session: Session) -> tuple[Path, Path]:
    """The page and the grades, on this computer."""
    if order := session.hub_order:
        return report_on_hosts(order)
    result = ask_grader(session, "report")
    return Path(result["html"]), Path(result["csv"])


workshop.add_command(down)
# Where there is a hub, the seats of the old machine come along.
host.add_command(replace_host)
for command in SHIPPING:
    env.add_command(command)
for command in (seat, course, plan, host, env, access, extend, stop_hosts, start_hosts, sweep):
    workshop.add_command(command)
workshop.add_command(export)


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


def make_console() -> Console:
    """A pipe has no width: lines stay whole there, and tables get room. A hub host is told of the
    instructor's terminal by variables, which rich knows."""
    if sys.stdout.isatty() or "COLUMNS" in os.environ:
        return Console()
    return Console(soft_wrap=True, width=PIPE_WIDTH)


def main() -> None:
    """The console script: foreseen failures are messages, others go to a log file."""
    try:
        workshop(standalone_mode=True, prog_name="workshop")
    except Exception:
        log = default_state_root(os.environ, os.geteuid()) / "crash.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_text(traceback.format_exc())
        click.echo(f"workshop: an unexpected failure; its details are in {log}", err=True)
        click.echo("  → nothing was lost; repeat the command, or send that file", err=True)
        sys.exit(FAILED)


if __name__ == "__main__":
    main()
