"""Seats of their own for a rehearsal's robots, beyond the roster's, and gone afterwards.

Walk-in seats that nobody has yet would be the same seats that people get an hour later, with
their homes and codes; so robots never sit in them. Cleaning up looks for robots wherever they
could have left something, so the next rehearsal also clears what a killed one left.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from hub_config.course_desk import CourseDesk
from hub_config.fleet.placement import agent_socket, placement_of
from hub_config.fleet.reseating import seat_robots, unseat
from hub_config.fleet.seat_map import HUB
from hub_config.grading_process import Progress
from hub_config.hub_api import HubApi
from hub_config.people import Person
from hub_config.seat_host.client import SeatHost
from hub_config.seat_host.protocol import SeatHostError
from hub_config.seats import IssuedCode, add_seats, forget_seats, read_register
from hub_config.settings import HubSettings
from hub_config.up import open_seat, supervisor_of
from hub_config.usernames import ROBOT
from provisioning.accounts import remove_account
from provisioning.paths import StatePaths

#: Servers that are asked to end at the same time.
_AT_ONCE = 8


@dataclass(frozen=True)
class RobotSeats:
    """The running workshop in which robots are given seats."""

    desk: CourseDesk
    settings: HubSettings
    hub: HubApi
    progress: Progress

    @property
    def paths(self) -> StatePaths:
        return self.desk.paths

    @contextmanager
    def open(self, count: int) -> Iterator[tuple[IssuedCode, ...]]:
        """That many seats with their codes; all of them are gone at the end, also after Ctrl-C."""
        self.clean_up()
        try:
            yield self._add(count)
        finally:
            self.clean_up()

    def clean_up(self) -> int:
        """Remove every robot there is, of this rehearsal or of one that was killed; how many.

        The hub first: when a seat disappears it ends the server by itself, and would be busy
        with that while we ask. The register last: as long as it names them, they are found.
        """
        names = self._names()
        self.progress("cleaning up", 0, len(names), "")
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            for done, _ in enumerate(pool.map(self.hub.delete_user, names), start=1):
                self.progress("cleaning up", done, len(names), "")
        for name in names:
            self._remove(name)
        unseat(self.settings, self._restart, names)
        if names:
            only = (f"--only={name}" for name in names)
            self.desk.ask("forget", *only, progress=self.progress)
        forget_seats(self.settings.seats_file, names)
        return len(names)

    def left_behind(self) -> tuple[str, ...]:
        """A second look, at what there is and not at what we did."""
        return tuple(self._names())

    def _add(self, count: int) -> tuple[IssuedCode, ...]:
        names = [f"robot-{number:02d}" for number in range(1, count + 1)]
        people = [Person(f"Robot {name[6:]}", "", "attendee", name) for name in names]
        issued = add_seats(self.settings.seats_file, people)
        seat_robots(self.settings, self._restart, names)
        for done, name in enumerate(names, start=1):
            open_seat(self.paths, name)
            self.progress("robots' seats", done, count, "")
        return issued.new_codes

    def _remove(self, name: str) -> None:
        """Home, account and submissions; on a fleet the home is on the robot's host."""
        if (host := self._host_of(name)) is not None:
            # A host that is dead has no robot; whatever is there goes with the host.
            with suppress(SeatHostError):
                SeatHost(agent_socket(self.settings, host)).forget(name)
        if self.settings.seat.isolation == "accounts":
            remove_account(name, workshop=self.paths.workshop)
        shutil.rmtree(self.paths.homes / name, ignore_errors=True)
        for handed_in in self._handed_in(name):
            shutil.rmtree(handed_in)

    def _host_of(self, name: str) -> str | None:
        """Whose service has run the robot's seat; None where the hub itself starts seats."""
        if place := placement_of(self.settings, name):
            return place.host
        return HUB if self.settings.seats_socket else None

    def _restart(self, program: str) -> None:
        supervisor_of(self.paths, self.settings).restart(program)

    def _names(self) -> list[str]:
        """In the register, among the homes, the submissions and the work that was graded."""
        register = read_register(self.settings.seats_file)
        found = {seat.username for seat in register.seats}
        for folder in (self.paths.homes, self.paths.course / "submitted"):
            found |= {path.name for path in folder.glob("robot-*")}
        found |= {path.name for path in self._handed_in("robot-*")}
        return sorted(name for name in found if ROBOT.fullmatch(name))

    def _handed_in(self, name: str) -> list[Path]:
        kinds = ("submissions", "feedback")
        return [path for kind in kinds for path in self.paths.exchange.glob(f"{kind}/*/{name}")]
