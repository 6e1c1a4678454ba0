"""`up`: from a spec and its people to a hub that answers. Every step looks before it acts.

people ─► seats ─► accounts and homes ─► settings ─► files ─► processes ─► hub answers
"""

from __future__ import annotations

import resource
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from hub_config.grading_process import Progress
from hub_config.homes import ensure_home
from hub_config.hub_api import HubApi, is_open
from hub_config.install import (
    Owner,
    ensure_certificate,
    ensure_files,
    ensure_folders,
    ensure_library,
    ensure_ports,
    ensure_routes,
    ensure_secrets,
    ensure_tree,
)
from hub_config.people import Person
from hub_config.programs import Accounts, programs
from hub_config.render import exchange_configuration, render
from hub_config.seats import IssueResult, Seat, ensure_seats
from hub_config.settings import HubSettings, Login, Ports, SeatSettings, Secrets
from hub_config.spec import WorkshopSpec
from hub_config.supervisor import Supervisor
from provisioning.accounts import Account, ensure_account
from provisioning.errors import StepFailed
from provisioning.paths import StatePaths

#: Threads count as processes: a server and a few kernels with numeric libraries.
PROCESSES_PER_SEAT = 512
HUB_SECONDS = 120
OPEN_FILES = 65536


@dataclass(frozen=True)
class BuiltEnvironment:
    """An environment on this machine, as the hub needs to know it."""

    name: str
    prefix: Path
    python: Path
    identity: str


@dataclass(frozen=True)
class UpOrder:
    """What is wanted, with everything that was found out about it."""

    spec: WorkshopSpec
    spec_file: Path
    paths: StatePaths
    people: tuple[Person, ...]
    course: str
    source: Path
    as_root: bool
    cores: int
    hub: BuiltEnvironment
    kernels: tuple[BuiltEnvironment, ...]
    arm_root: Path | None = None


@dataclass(frozen=True)
class Prepared:
    """Everything is on disk; nothing runs yet (or what ran still runs)."""

    order: UpOrder
    settings: HubSettings
    secrets: Secrets
    issued: IssueResult
    grader: Owner | None
    changed: tuple[Path, ...]
    #: Whether `start` had to start anything.
    started: bool = False

    @property
    def nothing_to_do(self) -> bool:
        """Everything was as it must be already."""
        return not (self.started or self.changed or self.issued.new_codes)


def seat_people(order: UpOrder) -> IssueResult:
    """A seat for everybody. New codes are known only now: show them before going on."""
    ensure_folders(order.paths)
    return ensure_seats(order.paths.seats, order.people)


def prepare(order: UpOrder, issued: IssueResult, progress: Progress) -> Prepared:
    """Accounts, homes and files."""
    paths, seats = order.paths, issued.register.taken()
    accounts = _ensure_accounts(order, seats, progress)
    _ensure_own_folders(order, accounts)
    settings = hub_settings(
        order,
        seats,
        ensure_ports(paths.hub / "ports.json", order.spec.hub.port),
        ensure_library(paths, order.source),
    )
    secrets = ensure_secrets(settings.secrets_file)
    service, grader = service_usernames(order.spec.name)
    arm = _name(accounts, arm_username(order.spec.name))
    ours = Accounts(_name(accounts, service), _name(accounts, grader), arm)
    files = render(settings, secrets, programs(settings, secrets, ours))
    files |= exchange_configuration(settings, order.spec.submissions)
    changed = ensure_files(files)
    owner = _owner(accounts.get(grader))
    return Prepared(order, settings, secrets, issued, owner, changed)


def start(prepared: Prepared, progress: Progress) -> Prepared:
    """Processes, then wait until the hub answers."""
    paths, settings = prepared.order.paths, prepared.settings
    supervisor = supervisor_of(paths, settings)
    started = supervisor.ensure_running()
    for name in () if started else programs_to_restart(prepared.changed):
        supervisor.restart(name)
    _wait_for_hub(prepared, supervisor, progress)
    return replace(prepared, started=started)


def start_every_seat(prepared: Prepared, progress: Progress, sleep: Callable[[float], None]) -> int:
    """Ask for every seat's server before people arrive; returns how many are ready."""
    hub = hub_api(prepared.settings, prepared.secrets)
    names = [seat.username for seat in prepared.issued.register.taken()]
    for name in names:
        hub.ensure_user(name)
        hub.start_server(name)
    total, ready = len(names), 0
    deadline = time.monotonic() + 60 + 15 * total
    while time.monotonic() < deadline:
        servers = {server.username: server for server in hub.servers()}
        ready = sum(servers[name].running for name in names if name in servers)
        progress("seats", ready, total, "")
        waiting = [name for name in names if name in servers and servers[name].pending]
        if ready == total or not waiting:
            break
        sleep(0.5)
    return ready


def open_seat(paths: StatePaths, username: str) -> None:
    """A latecomer's account and home. Before `up` there is nothing to do: `up` makes them."""
    settings_file = paths.hub / "settings.json"
    if not settings_file.is_file():
        return
    settings = HubSettings.model_validate_json(settings_file.read_text())
    account = None
    if settings.seat.isolation == "accounts":
        account = ensure_account(username, workshop=paths.workshop, home=paths.homes / username)
    ensure_home(paths.homes, username, _owner(account), paths.archive)


def hub_settings(
    order: UpOrder, seats: tuple[Seat, ...], ports: Ports, library: Path
) -> HubSettings:
    """The spec and the facts of this machine as the hub's processes read them."""
    spec, paths = order.spec, order.paths
    by_role = {
        role: tuple(seat.username for seat in seats if seat.role == role)
        for role in ("instructor", "assistant", "attendee")
    }
    login = spec.hub.login
    return HubSettings(
        workshop=spec.name,
        course=order.course,
        bind=spec.hub.bind,
        address=spec.hub.public_address,
        proxy=spec.hub.proxy,
        ports=ports,
        state_home=paths.home,
        hub_folder=paths.hub,
        homes=paths.homes,
        library=library,
        seats_file=paths.seats,
        secrets_file=paths.hub / "secrets.json",
        hub_python=order.hub.python,
        certificate=paths.home / "tls" / "certificate.pem" if spec.hub.tls else None,
        certificate_key=paths.home / "tls" / "key.pem" if spec.hub.tls else None,
        seat=_seat_settings(order),
        # Starting a server is one core's work; twice the cores keeps them busy.
        starts_at_once=max(2, 2 * order.cores),
        open_files=_open_files(),
        idle_minutes=spec.hub.idle_minutes,
        grade_on_submit=spec.grading.on_submit,
        arm_root=order.arm_root,
        login=Login(class_name=login.class_name, config=login.config) if login.class_name else None,
        instructors=by_role["instructor"],
        assistants=by_role["assistant"],
        attendees=by_role["attendee"],
    )


def service_usernames(workshop: str) -> tuple[str, str]:
    """Whom the service programs and the grader run as; no roster name has an underscore."""
    return f"_s-{workshop}", f"_g-{workshop}"


def arm_username(workshop: str) -> str:
    """Whom the Arm machine runs as: it runs the class's code, so nobody else does."""
    return f"_a-{workshop}"


def supervisor_of(paths: StatePaths, settings: HubSettings) -> Supervisor:
    return Supervisor(settings.hub_python, paths.hub / "supervisord.conf", paths.home)


def front_door(settings: HubSettings) -> str:
    """Where people come in, as this machine reaches it."""
    scheme = "https" if settings.certificate else "http"
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.bind, settings.bind)  # noqa: S104
    return f"{scheme}://{f'[{host}]' if ':' in host else host}:{settings.ports.public}"


def hub_api(settings: HubSettings, secrets: Secrets) -> HubApi:
    """The hub, asked directly: the proxy may listen on another machine's address."""
    return HubApi(f"http://127.0.0.1:{settings.ports.hub}", secrets.workshop)


def _seat_settings(order: UpOrder) -> SeatSettings:
    return SeatSettings(
        isolation="accounts" if order.as_root else "jail",
        memory_bytes=order.spec.seat.memory,
        cpus=order.spec.seat.cpus,
        processes=PROCESSES_PER_SEAT,
        environments=(order.hub.prefix, *(kernel.prefix for kernel in order.kernels)),
        kernels=tuple(kernel.name for kernel in order.kernels),
        jupyter_path=tuple(kernel.prefix / "share" / "jupyter" for kernel in order.kernels),
        config=order.paths.home / "seat-config",
    )


def _ensure_accounts(
    order: UpOrder, seats: tuple[Seat, ...], progress: Progress
) -> Mapping[str, Account]:
    """UNIX accounts as root, none otherwise; then everybody's home."""
    paths = order.paths
    names = [seat.username for seat in seats]
    accounts: dict[str, Account] = {}
    if order.as_root:
        services: tuple[str, ...] = service_usernames(order.spec.name)
        if order.arm_root is not None:
            services = (*services, arm_username(order.spec.name))
        for name in (*services, *names):
            home = paths.homes / name if name in names else paths.home
            accounts[name] = ensure_account(name, workshop=order.spec.name, home=home)
    for done, name in enumerate(names, start=1):
        ensure_home(paths.homes, name, _owner(accounts.get(name)), paths.archive)
        progress("homes", done, len(names), "")
    return accounts


def _ensure_own_folders(order: UpOrder, accounts: Mapping[str, Account]) -> None:
    service, grader = (_owner(accounts.get(name)) for name in service_usernames(order.spec.name))
    ensure_routes(order.paths.home / "routes", service)
    if tls := order.spec.hub.tls:
        ensure_certificate(order.paths.home / "tls", tls.certificate, tls.key, service)
    ensure_tree(order.paths.exchange, 0o700, service)
    ensure_tree(order.paths.course, 0o700, grader)
    # Names and grades: the grader writes, the service that shows them to staff reads.
    both = Owner(grader.uid, service.gid) if grader and service else None
    ensure_tree(order.paths.reports, 0o2750, both)


def _open_files() -> int:
    """300 seats with three websockets each, both ends, and room: if the machine allows it."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    return OPEN_FILES if most == resource.RLIM_INFINITY else min(OPEN_FILES, most)


def _owner(account: Account | None) -> Owner | None:
    return None if account is None else Owner(account.uid, account.gid)


def _name(accounts: Mapping[str, Account], username: str) -> str | None:
    return accounts[username].name if username in accounts else None


def programs_to_restart(changed: Iterable[Path]) -> tuple[str, ...]:
    """Which running programs have to read their files again; seats go on meanwhile."""
    readers = {
        "settings.json": ("hub",),
        "secrets.json": ("hub",),
        "traefik.yaml": ("proxy",),
        "exchange.json": ("exchange",),
        "certificate.pem": ("proxy", "hub"),
        "key.pem": ("proxy", "hub"),
    }
    folders = {"formgrader-config": ("formgrader",)}
    found = [readers.get(path.name, folders.get(path.parent.name, ())) for path in changed]
    return tuple(dict.fromkeys(name for names in found for name in names))


def _wait_for_hub(prepared: Prepared, supervisor: Supervisor, progress: Progress) -> None:
    """Until the hub answers, and answers through the proxy too: that is what people use."""
    settings, paths = prepared.settings, prepared.order.paths
    hub, door = hub_api(settings, prepared.secrets), front_door(settings)
    deadline = time.monotonic() + HUB_SECONDS
    while time.monotonic() < deadline:
        if hub.healthy() and is_open(door):
            progress("hub", 1, 1, "")
            return
        progress("hub", 0, 1, "starting")
        time.sleep(0.5)
    states = ", ".join(f"{state.name} {state.state}" for state in supervisor.states())
    log = "proxy.log" if hub.healthy() else "hub.log"
    raise StepFailed(
        f"The hub did not answer within {HUB_SECONDS} s ({states}); seats and work are untouched",
        next_step=f"read {paths.logs / log}, then repeat `workshop up`",
    )
