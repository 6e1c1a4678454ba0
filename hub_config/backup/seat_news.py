"""What an attendee has to know about her seat, in words: its host was lost, or her home is too big
to be copied whole. The hub's pages ask for it; see templates/hub/seat_news.html."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from hub_config.backup.facts import SeatCopies, read_backup_facts
from hub_config.fleet.host_facts import HostFacts, read_facts
from hub_config.fleet.moves import Move, read_moves
from hub_config.fleet.placement import hosts_file, placement_of
from hub_config.settings import HubSettings

#: How long a page says that a seat has moved.
TOLD_FOR = timedelta(hours=1)
SAFE = "Everything that you have handed in is safe: it is kept on another machine."
WAIT = "You need do nothing: JupyterLab opens here when your seat is ready."


#: What is said one after the other; pages show times in the reader's own time zone.
Words = tuple[str | datetime, ...]


@dataclass(frozen=True)
class News:
    """`waiting`: there is nothing to start now; the page looks again by itself."""

    title: str
    words: Words
    waiting: bool = False


def seat_news(settings: HubSettings, now: Callable[[], datetime]) -> Callable[[str], News | None]:
    """For the hub's templates: news of a seat, by username; None when all is as usual."""

    def of(username: str) -> News | None:
        if not settings.seat_hosts:
            return None
        move = read_moves(settings.hub_folder).of(username)
        facts = read_backup_facts(settings.hub_folder)
        copies = facts.seats.get(username) if facts else None
        host = _lost_host(settings, username)
        if move is not None and (said := _of_move(move, now())):
            return said
        if host is not None:
            return _of_lost(host, copies)
        return _of_copies(copies) if copies else None

    return of


def utc_now() -> datetime:
    return datetime.now(UTC)


def _lost_host(settings: HubSettings, username: str) -> HostFacts | None:
    """The seat's host, if the watch has given it up."""
    place, facts = placement_of(settings, username), read_facts(hosts_file(settings))
    host = facts.of(place.host) if place and facts else None
    return host if host and host.state == "dead" else None


def _of_move(move: Move, now: datetime) -> News | None:
    stopped = (f"The machine of your seat, {move.lost}, stopped at ", move.noticed_at, ".")
    match move.state:
        case "restoring":
            return News(
                "Your seat is being moved",
                (*stopped, *_work(move.copy_at, "will be as it was at"), SAFE, WAIT),
                waiting=True,
            )
        case "failed":
            return News(
                "Your work could not be brought over yet",
                (
                    *stopped,
                    *_work(move.copy_at, "is safe as it was at"),
                    SAFE,
                    "Please tell the instructor before you go on.",
                ),
            )
        case "moved" if move.done_at and now - move.done_at < TOLD_FOR:
            return News(
                "Your seat is on another machine",
                (
                    *stopped,
                    *_work(move.copy_at, "is as it was at"),
                    SAFE,
                    "Open your notebook and run its cells again from the top: "
                    "what was in memory is gone.",
                ),
            )
    return None


def _of_lost(host: HostFacts, copies: SeatCopies | None) -> News:
    return News(
        "The machine of your seat has stopped",
        (
            *(f"{host.name} does not answer since ", host.answered or host.since, "."),
            "The instructor sees it, too.",
            *_work(copies.at if copies else None, "will be as it was at"),
            SAFE,
            WAIT,
        ),
        waiting=True,
    )


def _of_copies(copies: SeatCopies) -> News | None:
    if not copies.over_quota:
        return None
    names = ", ".join(copies.largest_left_out)
    megabytes = -(-copies.left_out_bytes // 10**6)
    return News(
        "Some of your files are not copied",
        (
            f"Your home holds {copies.left_out_files} files ({megabytes} MB) more than is copied "
            f"to a safe place{f', such as {names}' if names else ''}.",
            "Notebooks and small files are copied first. Remove what you don't need, or keep "
            "another copy of it yourself: if your machine fails, these files are lost.",
        ),
    )


def _work(copied_at: datetime | None, then: str) -> Words:
    if copied_at is None:
        return ("Your files had not been copied before that, so you begin with an empty home.",)
    return (f"Your work {then} ", copied_at, ", when it was last copied.")
