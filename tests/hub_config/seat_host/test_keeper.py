"""Questions about seats change nothing; the host's limits and rules are stand-ins here."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from hub_config.seat_host.children import Children
from hub_config.seat_host.firewall import Firewall
from hub_config.seat_host.keeper import SeatKeeper
from hub_config.seat_host.protocol import SeatUse, Started
from hub_config.seat_host.records import Records, SeatRecord
from hub_config.seat_host.starting import Workplace
from hub_config.seat_host.warm_processes import WarmProcesses
from hub_config.seat_process import SeatProcess
from provisioning.limits import SeatLimits, Usage
from tests.hub_config.seat_host.a_host import settings_in

#: Above every number that Linux gives to a process.
NOBODY = 4_194_305


@dataclass
class Groups:
    """The cells that are there."""

    there: set[str] = field(default_factory=set)

    sentence = ""
    per_seat = True

    def prepare(self, seat: str, limits: SeatLimits) -> Group:
        self.there.add(seat)
        return Group(self, seat)

    def remove_all(self) -> None:
        self.there.clear()


@dataclass
class Group:
    groups: Groups
    seat: str
    inner_command: tuple[str, ...] = ()

    def enter(self, pid: int = 0) -> None:
        raise AssertionError("nothing is started here")

    def usage(self) -> Usage:
        return Usage(1, 2.0, 3, 0)

    def remove(self) -> None:
        self.groups.there.discard(self.seat)


@pytest.fixture
def server() -> Iterator[SeatProcess]:
    """Stands for ada's."""
    with subprocess.Popen(["sleep", "60"]) as sleep:
        process = SeatProcess.of(sleep.pid)
        assert process is not None
        yield process
        sleep.kill()


@pytest.fixture
def place(tmp_path: Path, server: SeatProcess) -> Workplace:
    """Of a service that begins anew: ada's server runs already."""
    settings = settings_in(tmp_path)
    started = Started(server.pid, server.started, warm=True)
    jail = SeatProcess(NOBODY, 1, SeatProcess(NOBODY, 2))
    record = SeatRecord("ada", 70001, 20001, None, SeatLimits(2**30, 1.0), started, jail)
    Records(settings.run / "records").write(record)
    warm = WarmProcesses(settings, tmp_path)
    return Workplace(settings, Groups(), Firewall("demo", None), warm, Children())


def test_a_seat_that_a_new_service_finds_says_what_it_uses(place: Workplace) -> None:
    assert SeatKeeper(place).state("ada").use == SeatUse(1, 2.0, 3, 0, measured=True)


def test_whoever_asks_for_a_seat_that_is_just_ending_does_not_make_its_cell_anew(
    place: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    keeper, groups = SeatKeeper(place), place.limits
    assert isinstance(groups, Groups)
    asked = []
    # The last moment in which the seat is known: its cell has gone.
    monkeypatch.setattr(
        Firewall, "dismiss", lambda *_: asked.append((keeper.state("ada"), set(groups.there)))
    )
    keeper.stop("ada", now=True)
    ((state, there),) = asked
    assert state.running
    assert not there
    assert not keeper.state("ada").running
