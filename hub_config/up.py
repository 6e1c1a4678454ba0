"""`up`: from a spec and its people to a hub that answers. Every step looks before it acts.

people ─► seats ─► accounts and homes ─► settings ─► files ─► processes ─► hub answers
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from hub_config.database.at_up import ensure_database
from hub_config.first_answer import wait_for_hub
from hub_config.fleet.link_keys import ensure_link_key
from hub_config.fleet.linking import ensure_links
from hub_config.fleet.placement import ensure_seat_map, placement_of
from hub_config.fleet.reseating import seat_latecomers
from hub_config.fleet.services_on_hosts import ensure_services_on_hosts
from hub_config.grading_process import Progress
from hub_config.homes import ensure_home
from hub_config.hub_api import HubApi
from hub_config.hub_settings import UpOrder, hub_settings
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
from hub_config.program import Accounts
from hub_config.programs import programs
from hub_config.render import exchange_configuration, render
from hub_config.seats import IssueResult, Seat, ensure_seats, read_register
from hub_config.settings import HubSettings, Secrets
from hub_config.starting_servers import start_servers
from hub_config.supervisor import Supervisor
from hub_config.wall.config import desk_folder, facts_file
from provisioning.accounts import Account, ensure_account
from provisioning.paths import StatePaths


@dataclass(frozen=True)
class Prepared:
    """Everything is on disk; nothing runs yet (or what ran still runs)."""

    order: UpOrder
    settings: HubSettings
    secrets: Secrets
    issued: IssueResult
    grader: Owner | None
    changed: tuple[Path, ...]
    #: Programs that can't be told of a change and have to begin anew.
    relinked: tuple[str, ...] = ()
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


def settle(order: UpOrder, issued: IssueResult) -> HubSettings:
    """Numbers, places and keys: all that other hosts must know before anything starts."""
    paths = order.paths
    settings = hub_settings(
        order,
        issued.register.taken(),
        ensure_ports(paths.hub / "ports.json", order.spec.hub.port),
        # On a hub host our code came as a library, with the same path on all hosts.
        ensure_library(paths, order.source) if order.facts is None else order.source,
    )
    if settings.links is not None:
        ensure_seat_map(settings)
        ensure_link_key(settings.links)
    return settings


def prepare(order: UpOrder, issued: IssueResult, progress: Progress) -> Prepared:
    """Accounts, homes and files."""
    paths, seats = order.paths, issued.register.taken()
    accounts = _ensure_accounts(order, seats, progress)
    _ensure_own_folders(order, accounts)
    service, grader = service_usernames(order.spec.name)
    owner = _owner(accounts.get(grader))
    settings = settle(order, issued)
    database = ensure_database(order.spec, paths, owner)
    settings = settings.model_copy(update={"database": database})
    secrets = ensure_secrets(settings.secrets_file)
    ours = Accounts(
        _name(accounts, service),
        _name(accounts, grader),
        _name(accounts, arm_username(order.spec.name)),
        _name(accounts, dispatcher_username(order.spec.name)),
    )
    files = render(settings, secrets, programs(settings, secrets, ours))
    files |= exchange_configuration(settings, order.spec.submissions)
    changed = ensure_files(files)
    if settings.links is not None:
        relinked = ensure_links(settings, ensure_seat_map(settings))
        dispatcher = _owner(accounts.get(dispatcher_username(order.spec.name)))
        identities = {each.name: each.identity for each in order.kernels}
        owners = (dispatcher, owner)
        relinked += ensure_services_on_hosts(settings, secrets, identities, owners, progress)
        return Prepared(order, settings, secrets, issued, owner, changed, relinked)
    return Prepared(order, settings, secrets, issued, owner, changed)


def start(prepared: Prepared, progress: Progress) -> Prepared:
    """Processes, then wait until the hub answers."""
    paths, settings = prepared.order.paths, prepared.settings
    supervisor = supervisor_of(paths, settings)
    started = supervisor.ensure_running()
    told = (*programs_to_restart(prepared.changed), *prepared.relinked)
    for name in () if started else told:
        supervisor.restart(name)
    hub, door = hub_api(settings, prepared.secrets), front_door(settings)
    wait_for_hub(hub, door, supervisor, paths.logs, progress)
    return replace(prepared, started=started)


def start_every_seat(prepared: Prepared, progress: Progress, sleep: Callable[[float], None]) -> int:
    """Ask for every seat's server before people arrive; returns how many are ready."""
    hub = hub_api(prepared.settings, prepared.secrets)
    names = [seat.username for seat in prepared.issued.register.taken()]
    return start_servers(hub, names, progress, sleep)


def open_seat(paths: StatePaths, username: str) -> None:
    """A latecomer's account and home. Before `up` there is nothing to do: `up` makes them.

    Raises NotPossibleHere on a fleet whose hosts are full.
    """
    settings_file = paths.hub / "settings.json"
    if not settings_file.is_file():
        return
    settings = HubSettings.model_validate_json(settings_file.read_text())
    if settings.seat_map is not None:
        # The service that starts a seat makes its home, on whichever host.
        _place_latecomer(paths, settings, username)
        return
    account = None
    if settings.seat.isolation == "accounts":
        account = ensure_account(username, workshop=paths.workshop, home=paths.homes / username)
    ensure_home(paths.homes, username, _owner(account), paths.archive)


def _place_latecomer(paths: StatePaths, settings: HubSettings, username: str) -> None:
    seat = read_register(paths.seats).of(username)
    if seat is None or placement_of(settings, username):
        return
    restart = supervisor_of(paths, settings).restart
    if seat.role == "attendee":
        seat_latecomers(settings, restart, attendees=(username,))
    else:
        seat_latecomers(settings, restart, staff=(username,))


def service_usernames(workshop: str) -> tuple[str, str]:
    """Whom the service programs and the grader run as; no roster name has an underscore."""
    return f"_s-{workshop}", f"_g-{workshop}"


def arm_username(workshop: str) -> str:
    """Whom the Arm machine runs as: it runs the class's code, so nobody else does."""
    return f"_a-{workshop}"


def dispatcher_username(workshop: str) -> str:
    """Whom the dispatcher of grading on hosts runs as; see hub_config.grading_hosts."""
    return f"_d-{workshop}"


def supervisor_of(paths: StatePaths, settings: HubSettings) -> Supervisor:
    configuration = paths.hub / "supervisord.conf"
    return Supervisor(settings.hub_python, configuration, paths.home, as_unit=settings.as_unit)


def front_door(settings: HubSettings) -> str:
    """Where people come in, as this machine reaches it."""
    scheme = "https" if settings.certificate else "http"
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.bind, settings.bind)  # noqa: S104
    return f"{scheme}://{f'[{host}]' if ':' in host else host}:{settings.ports.public}"


def hub_api(settings: HubSettings, secrets: Secrets) -> HubApi:
    """The hub, asked directly: the proxy may listen on another machine's address."""
    return HubApi(f"http://127.0.0.1:{settings.ports.hub}", secrets.workshop)


def _ensure_accounts(
    order: UpOrder, seats: tuple[Seat, ...], progress: Progress
) -> Mapping[str, Account]:
    """UNIX accounts as root, none otherwise; then everybody's home."""
    paths = order.paths
    # With hosts for seats, the service that runs a seat makes its home, on whichever host.
    elsewhere = order.facts is not None and order.facts.runs_seats_elsewhere
    names = [] if elsewhere else [seat.username for seat in seats]
    accounts: dict[str, Account] = {}
    if order.as_root:
        services: tuple[str, ...] = service_usernames(order.spec.name)
        if order.arm_root is not None:
            services = (*services, arm_username(order.spec.name))
        if elsewhere and order.spec.grading.workers == "hosts":
            services = (*services, dispatcher_username(order.spec.name))
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
    ensure_tree(desk_folder(order.paths.home), 0o700, service)
    # Root gathers the wall's facts, the service shows them: it must not write where root does.
    reader = Owner(os.geteuid(), service.gid) if service else None
    ensure_tree(facts_file(order.paths.home).parent, 0o2750, reader)


def _owner(account: Account | None) -> Owner | None:
    return None if account is None else Owner(account.uid, account.gid)


def _name(accounts: Mapping[str, Account], username: str) -> str | None:
    return accounts[username].name if username in accounts else None


def programs_to_restart(changed: Iterable[Path]) -> tuple[str, ...]:
    """Which running programs have to read their files again; seats go on meanwhile."""
    readers = {
        "settings.json": ("hub", "wall-facts"),
        "seats-service.json": ("seats",),
        "secrets.json": ("hub",),
        "traefik.yaml": ("proxy",),
        "exchange.json": ("exchange",),
        "wall.json": ("wall",),
        "certificate.pem": ("proxy", "hub"),
        "key.pem": ("proxy", "hub"),
    }
    folders = {"formgrader-config": ("formgrader",)}
    found = [readers.get(path.name, folders.get(path.parent.name, ())) for path in changed]
    return tuple(dict.fromkeys(name for names in found for name in names))
