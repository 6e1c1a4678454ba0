"""Thirty minutes more, wished on the wall: granted within its bound, never by half in silence."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from hub_config.extending.program import AGAIN, Extender
from hub_config.extending.records import (
    STEP,
    Extension,
    Extensions,
    Wish,
    read_extensions,
    read_wish,
    wish_file,
)
from hub_config.settings import HubSettings
from hub_config.wall.config import desk_folder
from hub_config.wall.errors import NotNow
from hub_config.wall.facts import Fleet
from hub_config.wall.wishes import Wishes
from provisioning.errors import StepFailed
from tests.hub_config.fleet.linked_hosts import hub_settings

NOW = datetime(2026, 12, 1, 16, 40, tzinfo=UTC)
END = datetime(2026, 12, 1, 17, 0, tzinfo=UTC)


@dataclass
class Room:
    """A hub host and two others; the test decides which of them can be told, and the time."""

    folder: Path
    settings: HubSettings
    timers: dict[str, datetime] = field(
        default_factory=lambda: dict.fromkeys(("hub", "gpu-01", "gpu-02"), END)
    )
    deaf: set[str] = field(default_factory=set)
    now: datetime = NOW

    @property
    def others(self) -> tuple[str, ...]:
        return tuple(name for name in self.timers if name != "hub")

    def own(self) -> datetime:
        return self.timers["hub"]

    def move_own(self, deadline: datetime) -> None:
        if "hub" in self.deaf:
            raise StepFailed("systemctl says no")
        self.timers["hub"] = deadline

    def move_others(self, hosts: Iterable[str], deadline: datetime) -> dict[str, str]:
        told = [host for host in hosts if host not in self.deaf]
        self.timers |= dict.fromkeys(told, deadline)
        return {host: "no answer" for host in hosts if host in self.deaf}

    def extender(self) -> Extender:
        file = self.settings.hub_folder / "settings.json"
        return Extender(file, lambda settings: self, lambda: self.now)

    @property
    def known(self) -> Extensions:
        return read_extensions(self.settings.hub_folder)

    def wish(self, by: str = "grace", shown: datetime | None = None) -> None:
        """As the wall's service writes it."""
        fleet = Fleet(deadline=shown or self.own(), times_left=1, extensions=self.known)
        Wishes(desk_folder(self.settings.state_home)).wish(
            fleet, fleet.deadline.isoformat(), by, self.now
        )


@pytest.fixture
def room(tmp_path: Path) -> Room:
    settings = hub_settings(tmp_path, [], extend_minutes=60)
    (settings.hub_folder / "settings.json").write_text(settings.model_dump_json())
    desk_folder(settings.state_home).mkdir()
    return Room(tmp_path, settings)


def test_every_host_ends_thirty_minutes_later_and_it_is_written_who_wished_it(room: Room) -> None:
    extender = room.extender()
    extender.turn()
    assert room.known.extensions == ()
    room.wish()
    extender.turn()
    extender.turn()
    assert set(room.timers.values()) == {END + STEP}
    (done,) = room.known.extensions
    assert (done.wish.by, done.deadline, done.behind, done.problem) == ("grace", END + STEP, {}, "")


def test_two_who_press_at_the_same_time_have_wished_the_same(room: Room) -> None:
    extender = room.extender()
    room.wish("grace")
    extender.turn()
    wishes = Wishes(desk_folder(room.settings.state_home))
    old = Fleet(deadline=END, times_left=1)  # the other one's page is a second old
    wishes.wish(old, END.isoformat(), "alan", room.now + timedelta(minutes=3))
    extender.turn()
    assert set(room.timers.values()) == {END + STEP}
    assert len(room.known.extensions) == 1


def test_no_more_is_given_than_the_file_allows(room: Room) -> None:
    extender = room.extender()
    for _ in range(3):
        room.wish()
        extender.turn()
        room.now += timedelta(minutes=5)
    assert set(room.timers.values()) == {END + 2 * STEP}
    assert "staff have given what they may" in room.known.newest.problem
    assert "workshop extend" in room.known.newest.problem


def test_a_host_that_can_not_be_told_is_named_and_tried_again(room: Room) -> None:
    extender, room.deaf = room.extender(), {"gpu-02"}
    room.wish()
    extender.turn()
    assert room.timers == {"hub": END + STEP, "gpu-01": END + STEP, "gpu-02": END}
    assert room.known.newest.behind == {"gpu-02": "no answer"}
    room.deaf.clear()
    extender.turn()
    assert room.timers["gpu-02"] == END
    room.now += AGAIN + timedelta(seconds=1)
    extender.turn()
    assert room.timers["gpu-02"] == END + STEP
    assert room.known.newest.behind == {}


def test_when_the_hubs_own_host_can_not_be_moved_no_other_is(room: Room) -> None:
    room.deaf = {"hub"}
    room.wish()
    room.extender().turn()
    assert set(room.timers.values()) == {END}
    assert room.known.newest.deadline is None
    assert "nothing was moved: systemctl says no" in room.known.newest.problem


def test_killed_after_the_first_timer_the_next_one_moves_the_others(room: Room) -> None:
    room.wish()
    room.move_own(END + STEP)
    room.now += timedelta(hours=1)
    room.extender().turn()
    assert set(room.timers.values()) == {END + STEP}
    assert len(room.known.extensions) == 1


def test_killed_before_the_others_were_told_they_are_told_by_the_next_one(room: Room) -> None:
    room.deaf = {"gpu-01", "gpu-02"}
    room.wish()
    room.extender().turn()
    room.deaf.clear()
    room.now += AGAIN
    again = room.extender()
    room.now += AGAIN + timedelta(seconds=1)
    again.turn()
    assert set(room.timers.values()) == {END + STEP}


def test_a_wish_that_nobody_read_in_time_is_not_granted_later(room: Room) -> None:
    room.wish()
    room.now += timedelta(minutes=5)
    room.extender().turn()
    assert set(room.timers.values()) == {END}
    assert "too old" in room.known.newest.problem


def test_what_the_wall_showed_must_be_true(room: Room) -> None:
    """Also a wall that was broken into gets no more than a step at a time."""
    room.wish(shown=END + timedelta(days=30))
    room.extender().turn()
    assert set(room.timers.values()) == {END}
    assert "the time has changed meanwhile" in room.known.newest.problem


@pytest.mark.parametrize("content", ["{", "[]", '{"id": 3}', "null", "x" * 100_000])
def test_a_wish_that_makes_no_sense_is_none(room: Room, content: str) -> None:
    wish_file(desk_folder(room.settings.state_home)).write_text(content)
    room.extender().turn()
    assert room.known == Extensions()


def test_root_follows_no_link_and_waits_for_no_pipe_in_the_walls_folder(room: Room) -> None:
    room.wish()
    file = wish_file(desk_folder(room.settings.state_home))
    elsewhere = file.rename(room.folder / "wish.json")
    assert read_wish(elsewhere) is not None
    file.symlink_to(elsewhere)
    assert read_wish(file) is None
    file.unlink()
    os.mkfifo(file)
    assert read_wish(file) is None


def test_what_was_given_is_read_again_as_it_was_written(room: Room) -> None:
    room.deaf = {"gpu-02"}
    room.wish()
    room.extender().turn()
    (told,) = json.loads((room.settings.hub_folder / "extensions.json").read_text())["extensions"]
    assert told["wish"]["by"] == "grace"
    assert room.known.given == STEP


def a_fleet(**changes: object) -> Fleet:
    return Fleet(**{"deadline": END, "times_left": 4, **changes})


@pytest.mark.parametrize(
    ("fleet", "shown", "why"),
    [
        (None, END, "No host here ends itself"),
        (a_fleet(deadline=None), END, "No host here ends itself"),
        (a_fleet(times_left=0), END, "No more can be given from here"),
        (a_fleet(), END + STEP, "has changed meanwhile"),
    ],
)
def test_the_wall_refuses_in_words_what_can_not_be(
    tmp_path: Path, fleet: Fleet | None, shown: datetime, why: str
) -> None:
    wishes = Wishes(tmp_path)
    with pytest.raises(NotNow, match=why):
        wishes.wish(fleet, shown.isoformat(), "grace", NOW)
    assert wishes.newest is None


def test_while_a_wish_waits_there_is_no_other(tmp_path: Path) -> None:
    wishes = Wishes(tmp_path)
    wishes.wish(a_fleet(), END.isoformat(), "grace", NOW)
    with pytest.raises(NotNow, match="being done already"):
        wishes.wish(a_fleet(), END.isoformat(), "alan", NOW)
    done = Extension(wishes.newest, NOW, END + STEP)
    later = a_fleet(deadline=END + STEP, extensions=Extensions((done,)))
    wishes.wish(later, (END + STEP).isoformat(), "alan", NOW)
    assert wishes.newest == Wish(wishes.newest.id, "alan", NOW, END + STEP)
