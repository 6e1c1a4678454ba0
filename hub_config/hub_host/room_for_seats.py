"""Whether everybody will find a seat, asked before a host costs money."""

from __future__ import annotations

from hub_config.fleet.seat_map import Room, SeatMap, Terms, Wish, place_seats
from hub_config.people import Person
from hub_config.spec import WorkshopSpec
from provisioning.catalogue.instance_types import read_catalogue
from provisioning.fleet import WantedHost


def refuse_too_few_places(
    spec: WorkshopSpec, people: tuple[Person, ...], wanted: tuple[WantedHost, ...]
) -> None:
    """NotPossibleHere when the hosts that the spec asks for are too few for its people.

    Of machines whose type is not known, nothing is known: they are taken as large enough.
    """
    rooms = tuple(_room(place) for place in wanted if place.role == "gpu")
    attendees = tuple(person.username for person in people if person.role == "attendee")
    staff = tuple(person.username for person in people if person.role != "attendee")
    place_seats(Wish(attendees, staff, Terms(spec.seat.gpu)), rooms, SeatMap())


def _room(place: WantedHost) -> Room:
    """The smallest of the types that it may come to have."""
    types = [read_catalogue().types[name] for name in place.types]
    if not types:
        return Room(place.name, spare=place.spare)
    memory = int(min(kind.memory_gib for kind in types) * 2**30)
    return Room(place.name, min(kind.gpus for kind in types), memory, place.spare)
