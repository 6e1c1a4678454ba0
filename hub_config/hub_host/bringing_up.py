"""From hosts that are ready to a hub that people reach: what the instructor's computer does.

our code, the instructor's files ─► hub host ─► seats, numbers, keys
                                                     └─► every host with seats: code, key, service
hub host: `up` ─► hub, links, a login tried, servers started ─► seen from here, too
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx

from hub_config.hub_host.arm_hosts import welcome_hub_host
from hub_config.hub_host.facts import ForSeatHosts, HubHostFacts, authority_of
from hub_config.hub_host.given import given_before, given_parcel, hub_address, wants_own_authority
from hub_config.hub_host.hub_host import HubHost, hub_host
from hub_config.hub_host.layout import GIVEN, HUB_HOST, LIBRARY, STATE
from hub_config.hub_host.packages import ARM_LAB, ensure_programs
from hub_config.hub_host.packages import HUB_HOST as HUB_PROGRAMS
from hub_config.hub_host.parcel import Parcel, ensure_parcel, files_below, parcel_of
from hub_config.hub_host.seat_host_facts import seat_host_facts
from hub_config.hub_host.seat_hosts import SeatHostOrder, install_seat_hosts
from hub_config.install import ROOMS
from hub_config.spec import WorkshopSpec
from provisioning.errors import NotPossibleHere, StepFailed, WorkshopError
from provisioning.fleet import Host
from provisioning.fleet_desk import FleetDesk
from provisioning.fleet_up import FleetUp
from provisioning.folders import write_atomically
from provisioning.hosts_spec import Ec2HostsSpec
from provisioning.paths import StatePaths
from provisioning.ssh.errors import RemoteFileMissing

FOR_SEAT_HOSTS: Final = "for-seat-hosts.json"
_MOST_BYTES = 4 * 2**20


@dataclass(frozen=True)
class HubOrder:
    """A workshop with hosts. `source` is where this project lies here, `arm` whether a lab asks
    for a machine with an Arm processor."""

    spec: WorkshopSpec
    desk: FleetDesk
    source: Path
    arm: bool = False

    @property
    def paths(self) -> StatePaths:
        return self.desk.request.paths

    @property
    def for_labs(self) -> Mapping[str, str]:
        """Programs that the labs need wherever people sit."""
        return ARM_LAB if self.arm else {}


@contextmanager
def on_hub_host(order: HubOrder) -> Iterator[HubHost]:
    """The hub host, wherever it is now. NotPossibleHere when there is none that runs."""
    host = order.desk.provider.observe().host(HUB_HOST)
    if host is None or host.address is None:
        state = "no hub host" if host is None else f"a hub host that is {host.state}"
        raise NotPossibleHere(
            f"{order.spec.name} has {state}", next_step="workshop up; `workshop status` shows hosts"
        )
    with hub_host(order.desk.threshold.login(host), order.spec.name) as hub:
        yield hub


def bundle(source: Path) -> Parcel:
    """Our own code, and the environment files that it knows."""
    files = {"cli.py": (source / "cli.py").read_bytes()}
    for room in (*ROOMS, "environments"):
        files |= files_below(source / room, f"{room}/")
    return parcel_of(files)


def replaced(order: HubOrder, found: FleetUp) -> FleetUp:
    """The whole fleet, of which only the new machine is to be made ready for seats."""
    return FleetUp(order.desk.provider.observe(), found.ready, found.created, found.problems)


@dataclass(frozen=True)
class Fitted:
    """Where attendees will come in, and what was brought to the hub host."""

    address: str
    facts: HubHostFacts
    code: Parcel


def fit_out(order: HubOrder, up: FleetUp, hub: HubHost) -> Fitted:
    """Our code and the instructor's files on the hub host. Nothing is started."""
    host = _ready_hub(up)
    before = given_before(hub.connection)[0].seat_hosts if hub.is_installed() else ()
    public = host.address.host if host.address else ""
    facts = HubHostFacts(
        names=tuple(dict.fromkeys((public, host.private_address or public, "127.0.0.1"))),
        own_authority=wants_own_authority(order.spec),
        seat_hosts=seat_host_facts(order.desk, up, before),
        extend_minutes=extend_minutes(order.spec),
    )
    address = hub_address(order.spec, public)
    code = bundle(order.source)
    ensure_programs(hub.connection, {**HUB_PROGRAMS, **order.for_labs})
    ensure_parcel(hub.connection, code, LIBRARY, mode="755", forget=True)
    given = given_parcel(order.spec, address, facts)
    ensure_parcel(hub.connection, given, GIVEN, mode="700")
    return Fitted(address, facts, code)


def extend_minutes(spec: WorkshopSpec) -> int:
    """What staff may add from the wall; nothing where no host ends itself."""
    return round(60 * spec.hosts.extend_hours) if isinstance(spec.hosts, Ec2HostsSpec) else 0


def bring_given(order: HubOrder, hub: HubHost) -> None:
    """The instructor's files as they are now, for commands that are carried between two `up`s.

    What the hub host knows of itself and of the others stays.
    """
    facts, address = given_before(hub.connection)
    ensure_parcel(hub.connection, given_parcel(order.spec, address, facts), GIVEN, mode="700")


def for_seat_hosts(hub: HubHost) -> ForSeatHosts:
    """What `settle` has left on the hub host."""
    path = str(hub.paths.hub / FOR_SEAT_HOSTS)
    said = hub.connection.get_bytes(path, most=_MOST_BYTES, seconds=60)
    return ForSeatHosts.model_validate_json(said)


def fit_out_seat_hosts(
    order: HubOrder, up: FleetUp, fitted: Fitted, needs: ForSeatHosts
) -> dict[str, WorkshopError]:
    """All of them at once; the reasons of those that can't run seats."""
    ready = [host for host in up.fleet.hosts if host.name in up.ready]
    seats, arms = ([host for host in ready if host.role == role] for role in ("gpu", "arm"))
    logins = order.desk.logins(seats)
    seating = SeatHostOrder(fitted.code, needs, order.for_labs)
    failed = install_seat_hosts(logins, seating) if logins else {}
    return failed | welcome_hub_host(order.desk.logins(arms), needs.link_key)


def fetch_cards(hub: HubHost, paths: StatePaths) -> tuple[Path, ...]:
    """Pages with seat codes come to this computer and are removed there; where they are now."""
    listed = hub.run(f"cd {hub.paths.home} 2>/dev/null && ls -1 cards.html card-*.html || true")
    names = [name for name in listed.decode().split() if name.endswith(".html")]
    paths.home.mkdir(parents=True, exist_ok=True)
    fetched = []
    for name in names:
        page = paths.home / name
        content = hub.connection.get_bytes(
            str(hub.paths.home / name), most=_MOST_BYTES * 8, seconds=120
        )
        write_atomically(page, content, mode=0o600)
        hub.run(f"rm -f -- {hub.paths.home / name}")
        fetched.append(page)
    return tuple(fetched)


def fetch_authority(hub: HubHost, paths: StatePaths) -> Path | None:
    """The certificate of the hub host's own authority, on this computer; None if it has none."""
    there = authority_of(STATE, hub.workshop).certificate
    try:
        content = hub.connection.get_bytes(str(there), most=_MOST_BYTES, seconds=60)
    except RemoteFileMissing:
        return None
    paths.home.mkdir(parents=True, exist_ok=True)
    here = paths.home / "authority.pem"
    write_atomically(here, content)
    return here


def refuse_unseen(address: str, authority: Path | None) -> None:
    """StepFailed unless the hub answers here, at the address that people will type."""
    trust = ssl.create_default_context()
    if authority is not None:
        trust.load_verify_locations(authority)
    try:
        answer = httpx.get(f"{address}/hub/login", timeout=60, verify=trust, trust_env=False)
        why = "" if answer.status_code == httpx.codes.OK else f"it answers {answer.status_code}"
    except httpx.HTTPError as error:
        why = str(error) or type(error).__name__
    if why:
        raise StepFailed(
            f"The hub runs, but from this computer {address} can't be used: {why}",
            next_step="`workshop access refresh` lets this computer's address in; behind a proxy "
            "of your own, see that it passes on to the hub host",
        )


def _ready_hub(up: FleetUp) -> Host:
    host = up.fleet.host(HUB_HOST)
    if host is None or host.address is None or HUB_HOST in up.problems:
        problem = up.problems.get(HUB_HOST)
        raise StepFailed(
            f"The hub host is not ready: {problem.message if problem else 'it is not there'}",
            next_step=(problem.next_step if problem else "") or "workshop up again",
        )
    return host
