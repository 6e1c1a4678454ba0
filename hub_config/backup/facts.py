"""What is known of every seat's copies: one file, written by the backup, read by the wall and
by the pages that attendees see."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from provisioning.folders import write_atomically


class _Facts(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class SeatCopies(_Facts):
    """One seat. `at`: work up to then is safe; None as long as there is no copy.

    `problem` says why the last try brought nothing, in words; "" when it did.
    """

    host: str
    at: datetime | None = None
    checked_at: datetime | None = None
    files: int = 0
    bytes: int = 0
    over_quota: bool = False
    left_out_files: int = 0
    left_out_bytes: int = 0
    largest_left_out: tuple[str, ...] = ()
    unreadable: int = 0
    partly: bool = False
    problem: str = ""


class BackupFacts(_Facts):
    """`at` is when it was written: the backup writes at least once a minute."""

    at: datetime
    every_minutes: float
    seats: Mapping[str, SeatCopies] = {}


def facts_file(hub_folder: Path) -> Path:
    return hub_folder / "backups.json"


def read_backup_facts(hub_folder: Path) -> BackupFacts | None:
    """None when nothing is known yet."""
    try:
        return BackupFacts.model_validate_json(facts_file(hub_folder).read_bytes())
    except (FileNotFoundError, ValidationError):
        return None


def write_backup_facts(hub_folder: Path, facts: BackupFacts) -> None:
    content = facts.model_dump_json(indent=1).encode() + b"\n"
    write_atomically(facts_file(hub_folder), content, mode=0o600)
