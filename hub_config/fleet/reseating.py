"""Changes of a running workshop's seats: people and robots who come and go, hosts that die.

Each changes the map, then the links, and nothing else: servers and homes are others' work.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from hub_config.fleet.linking import ensure_links
from hub_config.fleet.placement import change_seat_map, rooms
from hub_config.fleet.seat_map import (
    HUB,
    SeatMap,
    Terms,
    Wish,
    forget_seats,
    move_seats,
    place_robots,
    place_seats,
)
from hub_config.settings import HubSettings
from provisioning.errors import NotPossibleHere

#: Begins a supervised program anew; see Supervisor.restart.
Restart = Callable[[str], None]


def seat_latecomers(
    settings: HubSettings,
    restart: Restart,
    *,
    attendees: Iterable[str] = (),
    staff: Iterable[str] = (),
) -> None:
    """Places for people who are in no settings yet. Nothing happens where there is no map.

    Raises NotPossibleHere when no host has room.
    """

    late, of_staff = tuple(attendees), tuple(staff)
    hosts, terms = rooms(settings.seat_hosts), Terms(settings.seat.gpu)

    def more(seats: SeatMap) -> SeatMap:
        at_hub = tuple(each.username for each in seats.on(HUB))
        elsewhere = tuple(each.username for each in seats.placements if each.host != HUB)
        everybody = Wish((*elsewhere, *late), (*at_hub, *of_staff), terms)
        return place_seats(everybody, hosts, seats)

    _change(settings, restart, more)


def seat_robots(settings: HubSettings, restart: Restart, robots: Iterable[str]) -> None:
    """Robots rehearse at the places of people. Nothing happens where there is no map."""
    names = tuple(robots)
    _change(settings, restart, lambda seats: place_robots(names, settings.attendees, seats))


def unseat(settings: HubSettings, restart: Restart, usernames: Iterable[str]) -> None:
    """Forget seats of which nothing is left on any host, robots' above all."""
    names = tuple(usernames)
    _change(settings, restart, lambda seats: forget_seats(names, seats))


def move_to(settings: HubSettings, restart: Restart, dead: str, spare: str) -> None:
    """Every seat of `dead` is on `spare` from now on.

    Raises NotPossibleHere when the spare is not known or too small: nothing is moved then.
    """
    room = next((each for each in rooms(settings.seat_hosts) if each.host == spare), None)
    if room is None:
        raise NotPossibleHere(
            f"{spare} is no host for seats; the seats of {dead} stay where they are",
            next_step="workshop host list",
        )
    terms = Terms(settings.seat.gpu)
    _change(settings, restart, lambda seats: move_seats(seats, dead, room, terms))


def _change(settings: HubSettings, restart: Restart, change: Callable[[SeatMap], SeatMap]) -> None:
    if settings.seat_map is None:
        return
    seats = change_seat_map(settings, change)
    for program in ensure_links(settings, seats) if settings.links else ():
        restart(program)
