"""The seat map of a workshop on disk: made from the settings, kept from one `up` to the next."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from hub_config.fleet.seat_map import HUB, Placement, Room, SeatMap, Terms, Wish, place_seats
from hub_config.settings import HubSettings, SeatHostSettings
from provisioning.errors import StepFailed
from provisioning.folders import locked, write_atomically

_FILE = TypeAdapter(SeatMap)


def read_seat_map(path: Path) -> SeatMap:
    """The map in a file; an empty one where there is no file. StepFailed when it can't be read."""
    try:
        return _FILE.validate_json(path.read_bytes())
    except FileNotFoundError:
        return SeatMap()
    except ValidationError as error:
        raise StepFailed(
            f"{path} can't be read: {error.error_count()} mistakes. Nobody's seat was moved",
            next_step=f"move {path} away and run `workshop up`: seats are placed anew",
        ) from error


def write_seat_map(path: Path, seats: SeatMap) -> bool:
    """Replace the file whole. False, and nothing written, when it says so already."""
    if path.is_file() and read_seat_map(path) == seats:
        return False
    write_atomically(path, _FILE.dump_json(seats, indent=2) + b"\n", mode=0o600)
    return True


def ensure_seat_map(settings: HubSettings) -> SeatMap:
    """A place for everybody in the settings. Who has one keeps it.

    Raises NotPossibleHere when the hosts are too few; ValueError without `seat_map`.
    """
    return change_seat_map(
        settings, lambda seats: place_seats(wish(settings), rooms(settings.seat_hosts), seats)
    )


def change_seat_map(settings: HubSettings, change: Callable[[SeatMap], SeatMap]) -> SeatMap:
    """Replace the map by what `change` makes of it; two who change it wait for each other.

    The links have to follow: see hub_config/fleet/reseating.py.
    """
    if settings.seat_map is None:
        raise ValueError("these settings have no seat map: all seats are on the hub's host")
    with locked(settings.seat_map.with_suffix(".lock")):
        seats = change(read_seat_map(settings.seat_map))
        write_seat_map(settings.seat_map, seats)
    return seats


def placement_of(settings: HubSettings, username: str) -> Placement | None:
    """Where a person sits now; None where there is no map, or no place for her."""
    if settings.seat_map is None or not settings.seat_map.is_file():
        return None
    state = settings.seat_map.stat()
    return _read_once(settings.seat_map, state.st_mtime_ns, state.st_ino).of(username)


@lru_cache(maxsize=2)
def _read_once(file: Path, changed_at: int, number: int) -> SeatMap:
    """The hub asks for every seat every few seconds; each state of the file is read once."""
    return read_seat_map(file)


def rooms(hosts: Iterable[SeatHostSettings]) -> tuple[Room, ...]:
    """The hosts that seats may be on: of role gpu."""
    return tuple(
        Room(host.name, host.gpus, host.memory_bytes, host.spare)
        for host in hosts
        if host.role == "gpu"
    )


def wish(settings: HubSettings) -> Wish:
    staff = tuple(dict.fromkeys((*settings.assistants, *settings.instructors)))
    return Wish(settings.attendees, staff, Terms(settings.seat.gpu))


def agent_socket(settings: HubSettings, host: str) -> Path:
    """Where the service that runs a host's seats can be asked, on the hub's host."""
    if host == HUB:
        return settings.seats_socket or settings.state_home / "run" / "seats.sock"
    return settings.state_home / "run" / "links" / f"{host}.sock"


def hosts_file(settings: HubSettings) -> Path:
    """What the watch knows of every host; see hub_config/fleet/host_facts.py."""
    return settings.hub_folder / "hosts.json"
