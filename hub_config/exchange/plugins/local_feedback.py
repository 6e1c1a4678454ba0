"""Where fetched feedback lies in an attendee's folder, and whether it is the newest."""

from __future__ import annotations

from pathlib import Path

from hub_config.exchange.records import Feedback, Snapshot

# Holds the id of the feedback that was fetched.
MARKER = ".feedback-id"


def feedback_folder(assignment_folder: Path, snapshot: Snapshot) -> Path:
    return assignment_folder / "feedback" / snapshot.timestamp()


def is_fetched(folder: Path) -> bool:
    return (folder / MARKER).is_file()


def is_outdated(folder: Path, newest: Feedback | None) -> bool:
    """Whether the exchange has other feedback than the fetched one."""
    if newest is None or not is_fetched(folder):
        return False
    return (folder / MARKER).read_text().strip() != newest.id
