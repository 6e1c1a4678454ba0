"""The seats of this host: which run, what they use, how they end. Thread-safe."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections import defaultdict
from contextlib import suppress

from hub_config.seat_host.accounts import account_of
from hub_config.seat_host.firewall import Admission
from hub_config.seat_host.forking import Birth, give_birth
from hub_config.seat_host.protocol import SeatHostError, SeatOrder, SeatState, SeatUse, Started
from hub_config.seat_host.records import Records, SeatRecord
from hub_config.seat_host.standing_jail import StandingJail
from hub_config.seat_host.starting import PRIVATE, Workplace, start_seat
from hub_config.seat_process import SeatProcess
from hub_config.usernames import ROBOT
from provisioning.errors import StepFailed
from provisioning.limits import Cell

#: For a server to end its kernels and itself after it was asked to.
_GRACE_SECONDS = 5.0
_END_SECONDS = 10.0
_LONGEST_LOG = 5 * 1024**2


class SeatKeeper:
    """One thread at a time works on one seat; seats go on when the service ends."""

    def __init__(self, place: Workplace) -> None:
        for folder in (place.accounts, place.logs):
            folder.mkdir(PRIVATE, parents=True, exist_ok=True)
        self._place = place
        self._records = Records(place.settings.run / "records")
        self._seats = {record.username: record for record in self._records.all()}
        self._cells: dict[str, Cell] = {}
        self._locks: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)
        for record in self._seats.values():
            # Before anybody asks. Where it fails, the seat goes on and its next kernel says so.
            if record.server.alive():
                with suppress(StepFailed, OSError):
                    self._cell(record)

    def start(self, order: SeatOrder) -> Started:
        """The seat's server; one that runs already is left alone."""
        with self._locks[order.username]:
            found = self._seats.get(order.username)
            if found is not None and found.server.alive():
                return found.started
            if found is not None:
                self._end(found)
            record, self._cells[order.username] = start_seat(self._place, order)
            self._remember(record)
            return record.started

    def stop(self, username: str, *, now: bool) -> None:
        """Nothing to do for a seat that doesn't run."""
        with self._locks[username]:
            record = self._seats.get(username)
            if record is None:
                return
            if not now:
                self._ask_to_end(record)
            self._end(record)

    def forget(self, username: str) -> None:
        """End a robot's seat and remove its home, with what was written about it on this host.

        A person's work is never removed here.
        """
        if not ROBOT.fullmatch(username):
            raise SeatHostError(
                "not-a-robot",
                f"{username} isn't a robot's seat, so its home stays",
                next_step="a person's home leaves with `workshop down`, into the archive",
            )
        self.stop(username, now=True)
        # Python's own way gives up on folders that are thousands of levels deep.
        home = self._place.settings.homes / username
        subprocess.run(["rm", "-rf", "--one-file-system", "--", str(home)], check=False)
        for folder in (self._place.accounts, self._place.logs):
            for kind in ("passwd", "group", "log"):
                (folder / f"{username}.{kind}").unlink(missing_ok=True)

    def state(self, username: str) -> SeatState:
        record = self._seats.get(username)
        if record is None or not record.server.alive():
            return SeatState(username, running=False)
        return SeatState(
            username,
            running=True,
            port=record.port,
            uid=record.uid,
            gpu=record.gpu,
            started=record.started,
            kernels=sum(kernel.alive() for kernel in record.kernels),
            use=self._use(record),
        )

    def states(self) -> tuple[SeatState, ...]:
        found = (self.state(username) for username in sorted(self._seats))
        return tuple(state for state in found if state.running)

    def seat_of(self, uid: int) -> str | None:
        """The username of the seat with this account."""
        seats = tuple(self._seats.values())
        return next((each.username for each in seats if each.uid == uid), None)

    def start_kernel(self, username: str, python: str, payload: bytes) -> int:
        """A warm kernel in the seat; its number in the jail. The payload isn't read here."""
        warm = self._place.warm.kernel(python)
        with self._locks[username], self._place.log(username) as log:
            record = self._seats.get(username)
            if record is None:
                raise SeatHostError("gone", "the seat has ended")
            account = account_of(record.uid)
            birth = Birth(
                StandingJail(record.jail), account, log, payload, self._cell(record).enter
            )
            try:
                born = give_birth(birth, warm.fork)
            except SeatHostError as error:
                if error.kind == "ill" and record.server.alive():
                    warm.blame(error.message)
                raise
            self._place.children.add(born.pid)
            if process := SeatProcess.of(born.pid):
                self._remember(record.with_kernel(SeatProcess(process.pid, process.started)))
            return born.inner

    def watch(self) -> None:
        """Clear up after servers that ended by themselves; keep logs short. Called often."""
        self._place.children.reap()
        for username in tuple(self._seats):
            with self._locks[username]:
                record = self._seats.get(username)
                if record is not None and not record.server.alive():
                    self._end(record)
        for log in self._place.logs.iterdir():
            if log.stat().st_size > _LONGEST_LOG:
                os.truncate(log, 0)

    def admissions(self) -> tuple[Admission, ...]:
        """What the rules of the network must know of the seats that run."""
        return tuple(Admission(record.uid, record.port) for record in self._seats.values())

    def _end(self, record: SeatRecord) -> None:
        """Every process, the cell and the record; what is gone already is passed over."""
        record.jail.end()
        deadline = time.monotonic() + _END_SECONDS
        first = record.jail.first
        while record.jail.alive() or (first is not None and first.alive()):
            self._place.children.reap()
            if time.monotonic() > deadline:
                break  # the cell's end kills what is left, or says that it can't
            time.sleep(0.01)
        self._cell(record).remove()
        self._cells.pop(record.username, None)
        self._place.firewall.dismiss(Admission(record.uid, record.port))
        self._records.forget(record.username)
        self._seats.pop(record.username, None)
        self._place.children.reap()

    def _ask_to_end(self, record: SeatRecord) -> None:
        deadline = time.monotonic() + _GRACE_SECONDS
        if record.server.alive():
            with suppress(ProcessLookupError):
                os.kill(record.server.pid, signal.SIGTERM)
        while record.server.alive() and time.monotonic() < deadline:
            self._place.children.reap()
            time.sleep(0.02)

    def _remember(self, record: SeatRecord) -> None:
        self._seats[record.username] = record
        self._records.write(record)

    def _cell(self, record: SeatRecord) -> Cell:
        """Made where it isn't there: only who holds the seat's lock may ask for it."""
        if record.username not in self._cells:
            cell = self._place.limits.prepare(record.username, record.limits)
            self._cells[record.username] = cell
        return self._cells[record.username]

    def _use(self, record: SeatRecord) -> SeatUse:
        """A question makes nothing: the seat may be about to end, and its cell is gone then."""
        cell = self._cells.get(record.username)
        usage = cell.usage() if cell is not None else None
        if usage is None:
            return SeatUse()
        return SeatUse(
            memory_bytes=usage.memory_bytes,
            cpu_seconds=usage.cpu_seconds,
            processes=usage.processes,
            out_of_memory=usage.out_of_memory,
            measured=True,
        )
