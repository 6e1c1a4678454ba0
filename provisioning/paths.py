"""Where everything of one workshop lives. Nothing is kept outside these folders."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


def default_state_root(environ: Mapping[str, str], uid: int) -> Path:
    """The folder for all workshops of this machine.

    Root uses a folder that every account may enter, because attendees' servers run
    under their own accounts and must reach the environments in it.
    """
    if chosen := environ.get("WORKSHOP_STATE"):
        return Path(chosen)
    if uid == 0:
        return Path("/var/lib/workshop")
    base = environ.get("XDG_STATE_HOME") or str(Path(environ["HOME"]) / ".local/state")
    return Path(base) / "workshop"


def running_as_root() -> bool:
    return os.geteuid() == 0


@dataclass(frozen=True)
class StatePaths:
    """The folders of one workshop, all below `root / workshop`."""

    root: Path
    workshop: str

    @property
    def environments(self) -> Path:
        """Built environments, shared by all workshops of this machine."""
        return self.root / "environments"

    @property
    def archives(self) -> Path:
        """Packed environments, each with its manifest, shared by all workshops."""
        return self.root / "archives"

    @property
    def home(self) -> Path:
        return self.root / self.workshop

    @property
    def fleet(self) -> Path:
        """Keys and journal of the workshop's hosts (0700)."""
        return self.home / "fleet"

    @property
    def lock(self) -> Path:
        """Held by whoever brings the workshop up or down."""
        return self.root / f".{self.workshop}.lock"

    @property
    def record(self) -> Path:
        """What `up` did last: spec file, address, environments."""
        return self.home / "workshop.json"

    @property
    def seats(self) -> Path:
        """The seat register (0600): codes only as salted hashes."""
        return self.home / "seats.json"

    @property
    def library(self) -> Path:
        """Our own code, as the hub's processes import it."""
        return self.home / "lib"

    @property
    def homes(self) -> Path:
        return self.home / "homes"

    @property
    def hub(self) -> Path:
        """The hub's configuration, database and secrets."""
        return self.home / "hub"

    @property
    def run(self) -> Path:
        return self.home / "run"

    @property
    def logs(self) -> Path:
        return self.home / "logs"

    @property
    def exchange(self) -> Path:
        """Releases, submissions (immutable snapshots) and feedback."""
        return self.home / "exchange"

    @property
    def course(self) -> Path:
        """nbgrader's own course folder: source, release, submitted, autograded, feedback."""
        return self.home / "course"

    @property
    def reports(self) -> Path:
        return self.home / "reports"

    @property
    def archive(self) -> Path:
        return self.home / "archive"
