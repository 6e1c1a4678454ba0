"""From what an instructor asks for to an order that `up` can carry out on this machine.

Looks at the machine, builds the environments, and gathers everything that was found out.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from hub_config.database.at_up import look_at_database
from hub_config.grading_process import Progress
from hub_config.hub_host.facts import HubHostFacts, authority_of, identity_of, shipped
from hub_config.hub_settings import BuiltEnvironment, UpOrder
from hub_config.people import Person
from hub_config.spec import WorkshopSpec, check_date
from hub_config.status import read_status
from provisioning.arm.root import ensure_arm_root
from provisioning.environments.build import ensure_environment
from provisioning.environments.files import read_environment_file
from provisioning.errors import NotPossibleHere
from provisioning.findings import Finding
from provisioning.interpreter import find_interpreter
from provisioning.isolation import isolation
from provisioning.limits import choose_limits
from provisioning.machine import look_at_this_machine
from provisioning.paths import StatePaths
from provisioning.providers import local


@dataclass(frozen=True)
class UpRequest:
    """A spec that was read without a mistake. `source` is where this project lies."""

    spec: WorkshopSpec
    spec_file: Path
    paths: StatePaths
    people: tuple[Person, ...]
    course: str
    kernels: tuple[str, ...]
    source: Path
    #: Whether a lab asks for a machine with an Arm processor.
    arm: bool = False
    #: On a hub host: what it was told of itself and the other hosts.
    facts: HubHostFacts | None = None

    @property
    def seats_here(self) -> int:
        """Attendees sit on hosts of their own, where there are any."""
        if self.facts is None or not self.facts.runs_seats_elsewhere:
            return len(self.people)
        return sum(person.role != "attendee" for person in self.people)

    def environment_file(self, name: str) -> Path:
        """The file of an environment: the spec's own choice, or the one that comes along."""
        own = self.spec.environments.get(name)
        return own or self.source / "environments" / f"{name}.yml"


def look(request: UpRequest, today: date) -> tuple[Finding, ...]:
    """What this machine says to the request; changes nothing. BadInput for a past date."""
    spec = request.spec
    check_date(spec, today, request.spec_file)
    limits = choose_limits(spec.name)
    running = read_status(request.paths).holds_port
    needs = local.Needs(
        seats=request.seats_here,
        seat_memory_bytes=spec.seat.memory,
        address=spec.hub.bind,
        port=spec.hub.port,
        state=request.paths.root,
        environments_built=(request.paths.hub / "settings.json").is_file(),
        running=running,
        limits=limits.sentence,
        limits_per_seat=limits.per_seat,
        day=spec.date,
        today=today,
        furnished=request.facts is not None,
    )
    database = look_at_database(spec, request.paths, up=running)
    return (*local.check(needs, look_at_this_machine()), *database)


def refuse_what_stops(findings: tuple[Finding, ...]) -> None:
    """NotPossibleHere with the first thing that must change before anything can run."""
    for finding in findings:
        if finding.severity == "stop":
            raise NotPossibleHere(finding.what, next_step=finding.remedy)


def make_order(request: UpRequest, progress: Progress) -> UpOrder:
    """Build what is missing; then everything about this machine is known."""
    machine = look_at_this_machine()
    if request.facts is not None and request.facts.own_authority:
        authority = authority_of(request.paths.root, request.spec.name)
        authority.ensure(request.spec.name, request.facts.names, datetime.now(UTC))
    return UpOrder(
        spec=request.spec,
        spec_file=request.spec_file.resolve(),
        paths=request.paths,
        people=request.people,
        course=request.course,
        source=request.source,
        as_root=isolation(machine) == "accounts",
        cores=machine.cores,
        hub=_build(request, "hub", progress),
        kernels=tuple(_build(request, name, progress) for name in request.kernels),
        arm_root=_arm_root(request, progress) if request.arm and not _arm_host(request) else None,
        facts=request.facts,
    )


def _arm_host(request: UpRequest) -> bool:
    """Whether seats find a real Arm; without one the emulated machine is on the hub's host."""
    facts = request.facts
    there = facts.seat_hosts if facts is not None and facts.runs_seats_elsewhere else ()
    return any(host.role == "arm" and not host.spare for host in there)


def _arm_root(request: UpRequest, progress: Progress) -> Path:
    """The Arm machine's file system, with the same TVM as the notebooks' environment."""
    lock = request.environment_file("deploy").with_suffix(".lock")
    built = ensure_arm_root(
        lock, request.paths.environments, on_progress=lambda what: progress("arm", 0, 1, what)
    )
    if built.fresh:
        progress("built arm", 1, 1, "a machine with an emulated Arm processor, for RPC")
    return built.folder


def _build(request: UpRequest, name: str, progress: Progress) -> BuiltEnvironment:
    if request.facts is not None:
        prefix = shipped(request.facts.environments, name)
        return BuiltEnvironment(name, prefix, prefix / "bin" / "python", identity_of(prefix))
    file = request.environment_file(name)
    built = ensure_environment(
        read_environment_file(file),
        file.with_suffix(".lock"),
        request.paths.environments,
        interpreter=find_interpreter(),
        on_progress=lambda at: progress(f"env {name}", at.done, at.total, at.note or at.what),
    )
    if built.fresh:
        progress(f"built {name}", 1, 1, built.how)
    return BuiltEnvironment(built.name, built.prefix, built.python, built.identity)
