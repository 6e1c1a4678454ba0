"""The backup: copies every home again and again, and says how far it is.

It keeps nothing to itself. Killed at any moment, the next one goes on from what is on the disk.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

from hub_config.backup.asking import take_requests
from hub_config.backup.copying import Copied, CopyOrder, copy_home
from hub_config.backup.desk import BackupDesk
from hub_config.backup.errors import CopyFailed, HostSilent, NoHome, TooSlow
from hub_config.backup.ledger import Ledger
from hub_config.backup.turns import LANE_SECONDS, Lane, Turns
from hub_config.fleet.seat_map import Placement
from provisioning.errors import WorkshopError

#: Homes that are copied at the same time.
WORKERS: dict[Lane, int] = {"quick": 4, "slow": 1}
#: Settings and map are read this often; requests are looked for at every turn.
_READ_SECONDS = 5.0
_TURN_SECONDS = 0.5
#: A sign of life, when nothing is new.
_TELL_SECONDS = 60.0
#: After a host was silent, its other homes wait this long.
_SILENT_SECONDS = 15.0

Copy = Callable[[CopyOrder], Copied]


def copy_now(order: CopyOrder) -> Copied:
    return copy_home(order, lambda: datetime.now(UTC))


class Backup:
    """One turn after the other; `copy` and the clock are passed in."""

    def __init__(
        self,
        settings_file: Path,
        copy: Copy = copy_now,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings_file = settings_file
        self._copy = copy
        self._clock = clock
        self._pools = {lane: ThreadPoolExecutor(most, lane) for lane, most in WORKERS.items()}
        self._busy: dict[Lane, set[Future[None]]] = {lane: set() for lane in WORKERS}
        self._silent_until: dict[str, float] = {}
        self._told = float("-inf")
        #: Turns are taken here and ended in threads.
        self._lock = threading.Lock()
        self._desk = BackupDesk.open(settings_file)
        self._read_at = clock()
        self._turns = Turns(self._every)
        self._ledger = Ledger(self._desk.settings.hub_folder)
        self._turns.know(self._usernames, clock())

    def run(self) -> None:
        """Until the process ends."""
        while True:
            self.turn()
            time.sleep(_TURN_SECONDS)

    def turn(self) -> None:
        """Begin what is due, and tell what is known. Does not wait for copies."""
        now = self._clock()
        if now - self._read_at >= _READ_SECONDS:
            self._read(now)
        asked = take_requests(self._desk.settings.state_home / "run")
        with self._lock:
            self._turns.ask(asked, now)
            for lane, busy in self._busy.items():
                busy -= {each for each in busy if each.done()}
                for username in self._turns.take(lane, now, WORKERS[lane] - len(busy)):
                    busy.add(self._pools[lane].submit(self._work, username, lane))
        if self._ledger.changed or now - self._told >= _TELL_SECONDS:
            self._ledger.write(self._usernames, self._desk.settings.backup.minutes)
            self._told = now

    def _read(self, now: float) -> None:
        """Settings and map as they are now: whoever changes them replaces the files whole."""
        self._desk, self._read_at = BackupDesk.open(self._settings_file), now
        with self._lock:
            self._turns.every = self._every
            self._turns.know(self._usernames, now)

    def _work(self, username: str, lane: Lane) -> None:
        """Copy one home, in a thread; whatever happens, the others go on."""
        desk, slow = self._desk, False
        seat = desk.placement(username)
        if seat is None:
            return
        try:
            self._ledger.copied(seat, self._copied(desk, seat, lane))
        except NoHome:
            self._ledger.failed(seat, desk.shelf(username), "")
        except WorkshopError as error:
            slow = isinstance(error, TooSlow)
            if isinstance(error, HostSilent):
                self._silent_until[seat.host] = self._clock() + _SILENT_SECONDS
            self._ledger.failed(seat, desk.shelf(username), error.message)
        except Exception as error:  # a fault of ours must not end the copies of everybody
            self._ledger.failed(seat, desk.shelf(username), f"{type(error).__name__}: {error}")
        else:
            with self._lock:
                self._turns.done(username, self._clock())
            return
        with self._lock:
            self._turns.failed(username, self._clock(), slow=slow)

    def _copied(self, desk: BackupDesk, seat: Placement, lane: Lane) -> Copied:
        if desk.lost(seat.host):
            raise CopyFailed(f"{seat.host} is lost; the last copy is kept")
        if self._silent_until.get(seat.host, 0) > self._clock():
            raise CopyFailed(f"{seat.host} does not answer")
        return self._copy(desk.order(seat, LANE_SECONDS[lane]))

    @property
    def _usernames(self) -> tuple[str, ...]:
        return tuple(seat.username for seat in self._desk.away)

    @property
    def _every(self) -> float:
        return self._desk.settings.backup.minutes * 60


def copy_all(
    desk: BackupDesk, seats: tuple[Placement, ...], copy: Copy = copy_now
) -> dict[str, str]:
    """These homes, once, now; returns the problems, by username."""
    ledger = Ledger(desk.settings.hub_folder)
    problems: dict[str, str] = {}

    def one(seat: Placement) -> None:
        try:
            ledger.copied(seat, copy(desk.order(seat, LANE_SECONDS["slow"])))
        except NoHome:
            ledger.failed(seat, desk.shelf(seat.username), "")
        except WorkshopError as error:
            problems[seat.username] = error.message
            ledger.failed(seat, desk.shelf(seat.username), error.message)

    with ThreadPoolExecutor(sum(WORKERS.values())) as pool:
        list(pool.map(one, seats))
    ledger.write([seat.username for seat in desk.away], desk.settings.backup.minutes)
    return problems
