"""From an order to a server that runs in its jail, under its limits and its own account.

order ─► rules of the network ─► cell ─► jail ─► warm fork, else plain one ─► record
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from hub_config.seat_host import graphics
from hub_config.seat_host.accounts import account_files, account_of
from hub_config.seat_host.children import Children
from hub_config.seat_host.firewall import Admission, Firewall
from hub_config.seat_host.forking import Birth, Born, give_birth, task_payload
from hub_config.seat_host.kernel_entry import ENTRY, PROVISIONER
from hub_config.seat_host.protocol import SeatHostError, SeatOrder, Started
from hub_config.seat_host.records import SeatRecord
from hub_config.seat_host.settings import HostSettings
from hub_config.seat_host.standing_jail import StandingJail, stand_jail
from hub_config.seat_host.warm.entering import Account
from hub_config.seat_host.warm_processes import WarmProcesses
from hub_config.seat_jail import SOCKETS_INSIDE, Fittings, SeatView
from hub_config.seat_process import SeatProcess
from provisioning.limits import Cell, LimitBackend, SeatLimits

PRIVATE = 0o700
#: For a process that is warming up, as after a restart of the host. A plain start must be possible
#: after it, within the time that the hub gives to a start; the hub asks again meanwhile.
_WARMING_SECONDS = 40.0

log = logging.getLogger("workshop-seats")


@dataclass(frozen=True)
class Workplace:
    """What a host's service works with."""

    settings: HostSettings
    limits: LimitBackend
    firewall: Firewall
    warm: WarmProcesses
    children: Children

    @property
    def logs(self) -> Path:
        return self.settings.run / "logs"

    @property
    def accounts(self) -> Path:
        return self.settings.run / "accounts"

    @property
    def sockets(self) -> Path:
        """In every jail: where kernels are asked for, and what tells jupyter_client so."""
        return self.settings.run / "sockets"

    @contextmanager
    def log(self, username: str) -> Iterator[int]:
        """What the seat's processes write to: their descriptor, for appending."""
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        descriptor = os.open(self.logs / f"{username}.log", flags, 0o600)
        try:
            yield descriptor
        finally:
            os.close(descriptor)


@dataclass(frozen=True)
class _Place:
    """Where a server is put, and what it is given."""

    order: SeatOrder
    account: Account
    jail: StandingJail
    cell: Cell
    log: int


def start_seat(place: Workplace, order: SeatOrder) -> tuple[SeatRecord, Cell]:
    """The seat and its cell. Nothing is left of a start that fails. Raises: SeatHostError."""
    account = account_of(order.uid)
    _ensure_home(order, account)
    place.firewall.admit(Admission(order.uid, order.port))
    server = place.warm.server
    if not order.command and place.settings.warm:
        # It is done sooner than a plain start beside it would be.
        server.wait(_WARMING_SECONDS)
        try:
            return _started_in_jail(place, order, account, _warm_server)
        except SeatHostError as error:
            log.warning("%s is started plainly: %s", order.username, error.message)
            # "cold" passes by itself; after anything else it is warmed up anew.
            if error.kind == "ill":
                server.blame(error.message)
    return _started_in_jail(place, order, account, _plain_server)


def _started_in_jail(
    place: Workplace,
    order: SeatOrder,
    account: Account,
    server: Callable[[Workplace, _Place], Started],
) -> tuple[SeatRecord, Cell]:
    """A jail and a cell of its own for each attempt: of one that failed nothing runs on."""
    limits = SeatLimits(order.memory_bytes, float(order.cpus), order.processes)
    # What a seat that broke down left behind would use up the next one's share.
    place.limits.prepare(order.username, limits).remove()
    cell = place.limits.prepare(order.username, limits)
    with place.log(order.username) as log_file:
        fittings = _fittings(place, order, account)
        jail, waited = stand_jail(_view(place, order), fittings, log_file)
        place.children.add(waited)
        try:
            started = server(place, _Place(order, account, jail, cell, log_file))
        except BaseException:
            jail.end()
            place.children.reap()
            cell.remove()
            raise
    record = SeatRecord(
        order.username, order.uid, order.port, order.gpu, limits, started, jail.outer
    )
    return record, cell


def _warm_server(place: Workplace, where: _Place) -> Started:
    born = give_birth(_birth(place, where, ()), place.warm.server.fork)
    return _began(place, where.order, born, warm=True)


def _plain_server(place: Workplace, where: _Place) -> Started:
    python = str(place.settings.hub_python)
    server = where.order.command or (python, "-m", "jupyterhub.singleuser")
    birth = _birth(place, where, (*where.cell.inner_command, *server))
    return _began(place, where.order, give_birth(birth, place.warm.fork_plainly), warm=False)


def _birth(place: Workplace, where: _Place, argv: tuple[str, ...]) -> Birth:
    order = where.order
    payload = task_payload(_environment(place, order), f"/home/{order.username}", argv)
    return Birth(where.jail, where.account, where.log, payload, where.cell.enter)


def _began(place: Workplace, order: SeatOrder, born: Born, *, warm: bool) -> Started:
    place.children.add(born.pid)
    process = SeatProcess.of(born.pid)
    if process is None:
        raise SeatHostError(
            "ended",
            f"the server of {order.username} ended as soon as it had started",
            next_step=f"read {place.logs / order.username}.log on its host",
        )
    return Started(process.pid, process.started, warm)


def _ensure_home(order: SeatOrder, account: Account) -> None:
    """An empty home for a seat that is new here; whoever restores work does it before."""
    if account.uid <= 0:
        raise SeatHostError("account", f"{order.username} can't have the account {account.uid}")
    if not order.home.is_dir():
        order.home.mkdir(PRIVATE, parents=True)
        os.chown(order.home, account.uid, account.gid)
    owner = order.home.lstat().st_uid
    if owner != account.uid:
        raise SeatHostError(
            "home",
            f"the home of {order.username} belongs to account {owner}, not {account.uid}; "
            "nothing in it was touched",
            next_step="give the seat the account that it had (see seat-map.json)",
        )


def _view(place: Workplace, order: SeatOrder) -> SeatView:
    return SeatView(
        workshop=place.settings.workshop,
        username=order.username,
        home=order.home,
        read_only=place.settings.read_only,
    )


def _fittings(place: Workplace, order: SeatOrder, account: Account) -> Fittings:
    files = account_files(order.username, account)
    passwd = place.accounts / f"{order.username}.passwd"
    group = place.accounts / f"{order.username}.group"
    for file, text in ((passwd, files.passwd), (group, files.group)):
        file.write_text(text)
        file.chmod(0o644)
    devices = graphics.devices(order.gpu, graphics.cards())
    return Fittings(passwd, group, place.sockets, devices)


def _environment(place: Workplace, order: SeatOrder) -> Mapping[str, str]:
    # As many threads as the seat has cores, not as many as the host has.
    threads = {"OMP_NUM_THREADS": str(max(1, round(order.cpus)))}
    environment = threads | dict(order.environment)
    environment |= graphics.environment(order.gpu, graphics.cards())
    if place.settings.warm:
        path = environment.get("PYTHONPATH", str(place.settings.library))
        environment |= {
            "PYTHONPATH": f"{path}{os.pathsep}{SOCKETS_INSIDE}/{ENTRY}",
            "JUPYTER_DEFAULT_PROVISIONER_NAME": PROVISIONER,
            "WORKSHOP_KERNELS": f"{SOCKETS_INSIDE}/kernels.sock",
        }
    return environment
