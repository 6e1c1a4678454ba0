"""From facts to what the wall shows. Pure: every sentence on it is tested in milliseconds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from hub_config.extending.records import Wish
from hub_config.wall.copies import copies_now
from hub_config.wall.extending import ExtendingNow, extending_now
from hub_config.wall.facts import Facts, Host
from hub_config.wall.heat_map import HeatMap, heat_map
from hub_config.wall.help_desk import Call
from hub_config.wall.messages import Message
from hub_config.wall.money import MoneyNow, age, money_now
from hub_config.wall.queue import QueueNow, queue_now
from hub_config.wall.seat_states import STATES, SeatNow, State, seat_states

#: Older facts are called old: the gatherer looks once a minute even if nobody watches.
_OLD = timedelta(seconds=75)
#: A host with less room than this is in trouble.
_LITTLE_DISK = 5 << 30
_GIGABYTE = 1 << 30
_MEGABYTE = 1 << 20


@dataclass(frozen=True)
class Told:
    """What people told the wall, beside the gathered facts."""

    calls: tuple[Call, ...] = ()
    messages: tuple[Message, ...] = ()
    seen: Mapping[str, datetime] | None = None
    #: For thirty minutes more.
    wish: Wish | None = None


@dataclass(frozen=True)
class Tile:
    """One seat on the wall. `says` is its whole story in a line."""

    number: str
    username: str
    name: str
    state: State
    says: str
    asks: bool


@dataclass(frozen=True)
class HelpLine:
    number: str
    username: str
    name: str
    host: str
    since: str
    about: str


@dataclass(frozen=True)
class HostLine:
    """`meters` are (what, percent, in words)."""

    name: str
    state: str
    says: str
    meters: tuple[tuple[str, int, str], ...]
    trouble: bool


@dataclass(frozen=True)
class Wall:
    """Everything on the page; staff have no tile. `troubles` say in words what is not known."""

    workshop: str
    taken_at: datetime | None
    troubles: tuple[str, ...]
    counts: tuple[tuple[State, int], ...]
    tiles: tuple[Tile, ...]
    heat: HeatMap
    queue: QueueNow
    hosts: tuple[HostLine, ...]
    copies: str
    money: MoneyNow | None
    extending: ExtendingNow | None
    help: tuple[HelpLine, ...]
    messages: tuple[Message, ...]

    @property
    def ill_hosts(self) -> int:
        """How many hosts somebody should look at."""
        return sum(host.trouble for host in self.hosts)

    @property
    def meters(self) -> tuple[str, ...]:
        """What is measured on any host, in order."""
        most = max((host.meters for host in self.hosts), key=len, default=())
        return tuple(what for what, _, _ in most)

    @property
    def density(self) -> str:
        """How tightly the tiles must stand to fit a screen."""
        count = len(self.tiles)
        return "few" if count <= 24 else "some" if count <= 90 else "many"


_NOTHING = Facts(taken_at=datetime.min, workshop="", idle_minutes=0)


def wall_view(facts: Facts | None, told: Told, now: datetime) -> Wall:
    """The wall at this moment; without facts it is empty and says why."""
    known = facts or _NOTHING
    seats = seat_states(known, told.seen or {}, now)
    asking = {call.username for call in told.calls}
    tiles = [(seat, _tile(seat, seat.person.username in asking, now)) for seat in seats]
    counts = Counter(seat.state for seat in seats if seat.person.attendee)
    return Wall(
        workshop=known.workshop,
        taken_at=facts.taken_at if facts else None,
        troubles=_troubles(facts, now),
        counts=tuple((state, counts[state]) for state in STATES if _is_shown(state, counts)),
        tiles=tuple(tile for seat, tile in tiles if seat.person.attendee),
        heat=heat_map(known),
        queue=queue_now(known),
        hosts=tuple(sorted((_host(host, now) for host in known.hosts), key=_trouble_first)),
        copies=copies_now(known, now),
        money=money_now(known.fleet, now) if known.fleet else None,
        extending=extending_now(known.fleet, told.wish, now) if known.fleet else None,
        help=_help(seats, told.calls, now),
        messages=told.messages,
    )


def _is_shown(state: State, counts: Counter[State]) -> bool:
    """A state that is no news when nobody is in it is left out."""
    return counts[state] > 0 or state not in ("moving", "starting", "unknown")


def _troubles(facts: Facts | None, now: datetime) -> tuple[str, ...]:
    if facts is None:
        return ("Nothing has been gathered yet. If this stays, the program wall-facts is ill.",)
    time = now - facts.taken_at
    if time > _OLD:
        old = f"These facts are {age(time)} old: the program wall-facts does not write new ones."
        return (old, *facts.troubles)
    return facts.troubles


def seat_number(number: int) -> str:
    """As it is on the card."""
    return f"{number:02d}"


def _tile(seat: SeatNow, asks: bool, now: datetime) -> Tile:
    parts = [seat.state, seat.why]
    if seat.last_seen and seat.state in ("idle", "away", "dead"):
        parts.append(f"last seen {age(now - seat.last_seen)} ago")
    if seat.host and seat.state != "moving":
        parts.append(f"on {seat.host}")
    if seat.usage and seat.usage.memory_bytes:
        parts.append(f"{seat.usage.memory_bytes / _MEGABYTE:.0f} MB")
    if asks:
        parts.append("asks for help")
    person = seat.person
    says = ", ".join(part for part in parts if part)
    number = seat_number(person.number)
    return Tile(number, person.username, person.name or person.username, seat.state, says, asks)


def _help(
    seats: tuple[SeatNow, ...], calls: tuple[Call, ...], now: datetime
) -> tuple[HelpLine, ...]:
    known = {seat.person.username: seat for seat in seats}
    lines = []
    for call in calls:
        seat = known.get(call.username)
        lines.append(
            HelpLine(
                number=seat_number(seat.person.number) if seat else "?",
                username=call.username,
                name=(seat.person.name if seat else "") or call.username,
                host=seat.host if seat else "",
                since=_waiting(now - call.since),
                about=call.about,
            )
        )
    return tuple(lines)


def _waiting(time: timedelta) -> str:
    """In minutes: what changes every second would be read out every second."""
    return "just now" if time < timedelta(minutes=1) else f"for {age(time)}"


def _host(host: Host, now: datetime) -> HostLine:
    parts: list[str] = [host.state if host.state != "unknown" else "nothing known yet"]
    if host.since and host.state != "well":
        parts.append(f"for {age(now - host.since)}")
    if host.seats:
        count = len(host.seats)
        parts.append(f"{count} seat{'' if count == 1 else 's'}")
    little_disk = host.disk_free_bytes is not None and host.disk_free_bytes < _LITTLE_DISK
    if host.disk_free_bytes is not None and little_disk:
        parts.append(f"only {host.disk_free_bytes / _GIGABYTE:.1f} GB of disk left")
    if host.problem:
        parts.append(host.problem)
    quiet = host.state in ("silent", "no service", "dead")
    trouble = quiet or bool(host.problem) or little_disk
    # What a host that does not answer measured before says nothing of now.
    meters = () if quiet else tuple(_meters(host))
    return HostLine(host.name, host.state, ", ".join(parts), meters, trouble)


def _trouble_first(host: HostLine) -> bool:
    """Sorting is stable: hosts that are well stay in their order."""
    return not host.trouble


def _meters(host: Host) -> list[tuple[str, int, str]]:
    meters = []
    if host.load is not None and host.cores:
        busy = round(100 * host.load / host.cores)
        meters.append(("load", min(busy, 100), f"{host.load:.1f} on {host.cores} cores"))
    if host.memory_bytes and host.memory_free_bytes is not None:
        used = 100 - round(100 * host.memory_free_bytes / host.memory_bytes)
        free = f"{host.memory_free_bytes / _GIGABYTE:.0f} GB free"
        meters.append(("memory", used, free))
    if host.gpus:
        busy = round(sum(host.gpus) / len(host.gpus))
        meters.append(("GPU", busy, " ".join(f"{each}%" for each in host.gpus)))
    return meters
