"""Who sits where: people and hosts in, placements out. Pure, so that each rule can be tested.

A seat stays where it was placed, because its files are there. Its port and its UNIX number are
its own for good, the same on every host: they go along when it moves, and are given to nobody
else, not even after the person has left.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Literal

from provisioning.errors import NotPossibleHere

#: The hub's own host: where staff sit, and everybody when no other host runs seats.
HUB = "hub"
#: What a host keeps for itself, and a seat's server with an idle kernel (measured).
SYSTEM_BYTES = 500 * 10**6
SEAT_LEAST_BYTES = 172 * 10**6
_UNLIMITED = 2**31


@dataclass(frozen=True)
class Numbers:
    """Where the seats' fixed numbers begin.

    Ports lie below the ones that Linux hands out (32768..), UNIX numbers between those of
    dynamic users and those of containers (65536..524287): nothing else takes them.
    """

    first_port: int = 20000
    first_uid: int = 70000


@dataclass(frozen=True)
class Placement:
    """One seat on one host. `gpu` is the index of its GPU there; None: it has none."""

    username: str
    host: str
    gpu: int | None
    port: int
    uid: int


@dataclass(frozen=True)
class Room:
    """What a host offers to seats. Memory 0 means that it isn't known."""

    host: str
    gpus: int = 0
    memory_bytes: int = 0
    spare: bool = False


@dataclass(frozen=True)
class Terms:
    """What a seat may count on: a GPU of its own, or one that it shares with others."""

    gpu: Literal["whole", "shared"] = "whole"

    def places(self, room: Room) -> int:
        """How many seats fit there."""
        by_memory = _UNLIMITED
        if room.memory_bytes:
            by_memory = max(1, (room.memory_bytes - SYSTEM_BYTES) // SEAT_LEAST_BYTES)
        by_gpu = room.gpus if room.gpus and self.gpu == "whole" else _UNLIMITED
        return min(by_memory, by_gpu)


@dataclass(frozen=True)
class SeatMap:
    """Everybody's placement; `former` keeps the numbers of people who have left.

    `robots` rehearse in the places of people, and take none away.
    """

    placements: tuple[Placement, ...] = ()
    former: tuple[Placement, ...] = ()
    robots: tuple[Placement, ...] = ()
    numbers: Numbers = field(default=Numbers())

    @property
    def everybody(self) -> tuple[Placement, ...]:
        return (*self.placements, *self.robots)

    def of(self, username: str) -> Placement | None:
        return next((each for each in self.everybody if each.username == username), None)

    def on(self, host: str) -> tuple[Placement, ...]:
        return tuple(each for each in self.everybody if each.host == host)


@dataclass(frozen=True)
class Wish:
    """Who needs a seat, on which terms. Staff sit on the hub's host: they need no GPU.

    Named twice is wished once.
    """

    attendees: tuple[str, ...]
    staff: tuple[str, ...]
    terms: Terms


def place_seats(wish: Wish, rooms: tuple[Room, ...], previous: SeatMap) -> SeatMap:
    """Everybody who has a place keeps it; the others go where most places are free.

    Raises NotPossibleHere when there are too few places: nothing is placed then.
    """
    hosts = {room.host: room for room in rooms}
    wanted = tuple(dict.fromkeys((*wish.attendees, *wish.staff)))
    known = {each.username: each for each in (*previous.former, *previous.placements)}
    staying = {
        name: each
        for name, each in known.items()
        if each in previous.placements and name in wanted and _may_stay(each, wish, hosts)
    }
    table = _Table(wish.terms, rooms, dict(staying), _numbered(previous), previous.numbers)
    for name in wish.staff:
        if name not in staying:
            table.seat(name, HUB, None)
    for name in wish.attendees:
        if name not in staying:
            table.seat_where_most_is_free(name, len(wish.attendees))
    seated = tuple(table.seated[name] for name in wanted)
    former = tuple(each for name, each in known.items() if name not in wanted)
    return replace(previous, placements=seated, former=former)


def place_robots(robots: Iterable[str], attendees: tuple[str, ...], seats: SeatMap) -> SeatMap:
    """The map with each robot at the place of an attendee, in turn: the loads of the real class."""
    numbered = _numbered(seats)
    places = [place for name in attendees if (place := seats.of(name))]
    added = []
    for index, name in enumerate(robots):
        host, gpu = HUB, None
        if places:
            host, gpu = places[index % len(places)].host, places[index % len(places)].gpu
        port, uid = _numbers_of(name, numbered, seats.numbers)
        numbered[name] = Placement(name, host, gpu, port, uid)
        added.append(numbered[name])
    kept = tuple(each for each in seats.robots if each not in added)
    return replace(seats, robots=(*kept, *added))


def forget_seats(usernames: Iterable[str], seats: SeatMap) -> SeatMap:
    """The map without them, their numbers free again: nothing of theirs may be left on a host."""
    gone = set(usernames)

    def kept(part: tuple[Placement, ...]) -> tuple[Placement, ...]:
        return tuple(each for each in part if each.username not in gone)

    return SeatMap(kept(seats.placements), kept(seats.former), kept(seats.robots), seats.numbers)


def move_seats(seats: SeatMap, dead: str, spare: Room, terms: Terms) -> SeatMap:
    """The map with every seat of the dead host on the spare one.

    Raises NotPossibleHere when the spare is too small: nothing is moved then.
    """
    staying = {each.username: each for each in seats.placements if each.host != dead}
    rooms = (replace(spare, spare=False),)
    table = _Table(terms, rooms, staying, _numbered(seats), seats.numbers)
    moving = [each.username for each in seats.placements if each.host == dead]
    for name in moving:
        table.seat_where_most_is_free(name, len(moving))
    placements = tuple(table.seated[each.username] for each in seats.placements)
    robots = tuple(
        replace(each, host=spare.host) if each.host == dead else each for each in seats.robots
    )
    return replace(seats, placements=placements, robots=robots)


def changed_hosts(before: SeatMap, after: SeatMap) -> frozenset[str]:
    """Hosts whose seats are not the same: the links there have to follow."""
    hosts = {each.host for each in (*before.placements, *after.placements)}
    return frozenset(host for host in hosts if set(before.on(host)) != set(after.on(host)))


def _numbered(seats: SeatMap) -> dict[str, Placement]:
    """Everybody who has numbers, now or since a time before."""
    return {each.username: each for each in (*seats.former, *seats.robots, *seats.placements)}


def _numbers_of(username: str, known: dict[str, Placement], first: Numbers) -> tuple[int, int]:
    """Her port and UNIX number: those that she had, or the next that nobody has."""
    if had := known.get(username):
        return had.port, had.uid
    index = max((each.uid - first.first_uid for each in known.values()), default=-1) + 1
    return first.first_port + index, first.first_uid + index


def _may_stay(placement: Placement, wish: Wish, hosts: dict[str, Room]) -> bool:
    if placement.username in wish.staff or not hosts:
        return placement.host == HUB
    return placement.host in hosts


@dataclass
class _Table:
    """Seats people one after the other."""

    terms: Terms
    rooms: tuple[Room, ...]
    seated: dict[str, Placement]
    #: Everybody who ever had numbers, with them.
    known: dict[str, Placement]
    numbers: Numbers

    def seat(self, username: str, host: str, gpu: int | None) -> None:
        port, uid = _numbers_of(username, self.known, self.numbers)
        placement = Placement(username, host, gpu, port, uid)
        self.seated[username] = self.known[username] = placement

    def seat_where_most_is_free(self, username: str, wanted: int) -> None:
        if not self.rooms:
            self.seat(username, HUB, None)
            return
        used = Counter(each.host for each in self.seated.values())
        # A spare that took over has seats: from then on it's a host like the others.
        open_rooms = [room for room in self.rooms if not room.spare or used[room.host]]
        free = {room: self.terms.places(room) - used[room.host] for room in open_rooms}
        best = max(open_rooms, key=lambda room: free[room], default=None)
        if best is None or free[best] < 1:
            raise self._too_few(open_rooms, wanted)
        self.seat(username, best.host, self._gpu(best))

    def _gpu(self, room: Room) -> int | None:
        """The GPU that fewest seats of the host use: of whole ones, the first free."""
        if not room.gpus:
            return None
        used = Counter(each.gpu for each in self.seated.values() if each.host == room.host)
        return min(range(room.gpus), key=lambda index: used[index])

    def _too_few(self, rooms: Iterable[Room], wanted: int) -> NotPossibleHere:
        rooms = tuple(rooms)
        places = sum(self.terms.places(room) for room in rooms)
        whole = self.terms.gpu == "whole" and any(room.gpus for room in rooms)
        what = "want a GPU of their own each" if whole else "need memory for a server each"
        share = ", or write `seat: {gpu: shared}`" if whole else ""
        return NotPossibleHere(
            f"{wanted} seats {what}; the hosts have room for {places}. No seat was moved",
            next_step=f"ask for more hosts under `hosts:`{share}; then repeat the command",
        )
