"""The backup goes on whatever homes, hosts and faults it meets, and says what it knows."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from hub_config.backup.asking import ask_for_copy
from hub_config.backup.copying import Copied, CopyOrder
from hub_config.backup.errors import CopyFailed, HostSilent, NoHome, TooSlow
from hub_config.backup.facts import SeatCopies, read_backup_facts
from hub_config.backup.listing import Found
from hub_config.backup.program import Backup
from tests.hub_config.backup.fleet_settings import write_settings

FOUND = Found(
    files=3,
    bytes=300,
    left_out_files=0,
    left_out_bytes=0,
    largest_left_out=(),
    unreadable=0,
    special=0,
    unfinished=False,
)
SEATS = {"ada": "gpu-01", "bob": "gpu-01", "eve": "gpu-02", "staff": "hub", "robot-01": "gpu-01"}


class Program:
    """A backup with a clock of its own. `copy` stands for what happens on the network."""

    def __init__(self, folder: Path, copy: Callable[[str], None] = lambda username: None) -> None:
        self.settings = write_settings(folder, SEATS)
        self.now = 0.0
        self.copied: list[str] = []
        self._copy = copy
        self.backup = Backup(folder / "hub" / "settings.json", self._one, lambda: self.now)

    def _one(self, order: CopyOrder) -> Copied:
        self._copy(order.home.username)
        self.copied.append(order.home.username)
        return Copied(datetime.now(UTC), changed=True, found=FOUND)

    def run_until(self, happened: Callable[[], bool], *, step: float = 1.0) -> None:
        deadline = time.monotonic() + 10
        while not happened():
            assert time.monotonic() < deadline
            self.now += step
            self.backup.turn()
            time.sleep(0.005)

    @property
    def facts(self) -> dict[str, SeatCopies]:
        found = read_backup_facts(self.settings.hub_folder)
        return dict(found.seats) if found else {}


def test_people_on_other_hosts_are_copied_and_nobody_else(tmp_path: Path) -> None:
    program = Program(tmp_path)
    program.run_until(lambda: len(program.facts) == 3)
    assert sorted(set(program.copied)) == ["ada", "bob", "eve"]
    assert program.facts["ada"].at is not None
    assert (program.facts["ada"].host, program.facts["ada"].bytes) == ("gpu-01", 300)


def test_a_seat_that_is_stopped_is_copied_at_once(tmp_path: Path) -> None:
    program = Program(tmp_path)
    program.run_until(lambda: len(program.copied) == 3)
    ask_for_copy(tmp_path / "run", "eve")
    ask_for_copy(tmp_path / "run", "nobody")
    ask_for_copy(tmp_path / "no-such-folder", "eve")
    program.run_until(lambda: len(program.copied) == 4, step=0.01)
    assert program.copied[-1] == "eve"


def test_a_home_that_never_ends_holds_up_nobody_else(tmp_path: Path) -> None:
    freed = threading.Event()

    def copy(username: str) -> None:
        if username == "ada" and not freed.wait(10):
            raise TooSlow("ada's home had not been copied when its time was over")

    program = Program(tmp_path, copy)
    program.run_until(lambda: program.copied.count("bob") >= 3, step=10)
    assert program.copied.count("eve") >= 2
    freed.set()
    program.run_until(lambda: "ada" in program.copied)


def test_every_failure_is_told_and_tried_again_and_the_last_copy_stays_known(
    tmp_path: Path,
) -> None:
    errors: list[Exception] = [CopyFailed("no room"), HostSilent("away"), ValueError("a fault")]

    def copy(username: str) -> None:
        if username == "eve" and copied_once and errors:
            raise errors.pop(0)

    copied_once: list[str] = []
    program = Program(tmp_path, copy)
    program.run_until(lambda: len(program.facts) == 3)
    at = program.facts["eve"].at
    copied_once.append("eve")
    said: set[str] = set()

    def all_is_well_again() -> bool:
        said.add(program.facts["eve"].problem)
        assert program.facts["eve"].at == at or not errors
        return not errors and program.facts["eve"].problem == ""

    program.run_until(all_is_well_again, step=20)
    assert said == {"", "no room", "away", "ValueError: a fault"}


def test_a_seat_without_a_home_is_no_trouble(tmp_path: Path) -> None:
    def copy(username: str) -> None:
        raise NoHome("nobody has sat there yet")

    program = Program(tmp_path, copy)
    program.run_until(lambda: len(program.facts) == 3)
    assert {each.problem for each in program.facts.values()} == {""}


def test_the_next_program_remembers_what_the_last_one_knew(tmp_path: Path) -> None:
    program = Program(tmp_path)
    program.run_until(lambda: len(program.facts) == 3)
    at = program.facts["ada"].at

    def copy(username: str) -> None:
        raise HostSilent("away")

    after = Program(tmp_path, copy)
    after.run_until(lambda: all(each.problem for each in after.facts.values()))
    assert after.facts["ada"].at == at
