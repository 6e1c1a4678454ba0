"""Moments that a trial can go back to: the account in the cloud, and the workshop's folder."""

from __future__ import annotations

import json
import re
import shutil
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from tests.cloud.cloud import Cloud, Snapshot
from tests.cloud.inventory import Left
from tests.provisioning.providers.ec2.small_fleet import COMPLETE, HOSTS

#: What differs between two runs and means nothing: ids, tokens, times, numbers of lines; zones,
#: and which of two equal hosts it is.
_RANDOM = re.compile(
    r"(?:[a-z]+-)?[0-9a-f]{16,40}|\d{4}-\d\d-\d\dT[0-9:.+]+|number\\*\": \d+"
    r"|us-east-1[a-f]|gpu-0\d"
)


@dataclass(frozen=True)
class World:
    """A moment. `folder` is never changed: trials work on copies of it."""

    account: Snapshot
    folder: Path


@dataclass
class Worlds:
    """Keeps moments, goes back to them, and knows which remains were seen before."""

    cloud: Cloud
    scratch: Path
    _copies: int = 0
    _seen: set[str] = field(default_factory=set)

    def begin(self) -> World:
        """Before anything was done. The network of the region stays the same ever after."""
        with self.cloud.lock:
            self.cloud.region(HOSTS.region)
        return self.keep(self.fresh_folder())

    def keep(self, folder: Path) -> World:
        return World(self.cloud.snapshot(), self._copy(folder))

    def go_to(self, world: World) -> Path:
        """The account as it was then, and a copy of the folder as it was."""
        self.cloud.restore(world.account)
        return self._copy(world.folder)

    def fresh_folder(self) -> Path:
        folder = self._next_name()
        folder.mkdir()
        return folder

    def is_new(self, folder: Path) -> bool:
        """Whether remains like these were not seen yet; one judgement is enough for twins."""
        return self._is_new(_state(folder), self._account())

    def account_is_new(self) -> bool:
        """The same for the account alone: what somebody sees who has no folder."""
        return self._is_new(self._account())

    def _is_new(self, *parts: str) -> bool:
        remains = _RANDOM.sub("*", "\n".join(parts))
        new = remains not in self._seen
        self._seen.add(remains)
        return new

    def _account(self) -> str:
        """What is in the account, as text."""
        things = sorted(
            f"{left.kind} {left.state} {sorted(left.tags.items())}"
            for left in self.cloud.inventory()
        )
        groups = self.cloud.region(HOSTS.region).backend.groups.values()
        rules = sorted(len(group.ingress_rules) for one in groups for group in one.values())
        ended = sum(one.state == "terminated" for one in self.cloud.instances())
        return json.dumps([things, rules, ended])

    def _copy(self, folder: Path) -> Path:
        return Path(shutil.copytree(folder, self._next_name()))

    def _next_name(self) -> Path:
        self._copies += 1
        return self.scratch / f"state-{self._copies}"


def too_many(inventory: tuple[Left, ...]) -> Counter[str]:
    """What there is beyond one machine in each place and what belongs to it."""
    places = Counter(
        left.tags.get("workshop:host", "?") for left in inventory if left.kind == "instance"
    )
    twice = Counter({f"instances in {place}": n - 1 for place, n in places.items() if n > 1})
    return (kinds_in(inventory) - Counter(COMPLETE)) + twice


def kinds_in(inventory: tuple[Left, ...]) -> Counter[str]:
    return Counter(left.kind for left in inventory)


def _state(folder: Path) -> str:
    """Which files are there, and the journal. Keys differ each time and tell nothing."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    journals = [path.read_text().splitlines() for path in files if path.name == "journal.jsonl"]
    return json.dumps([[path.name for path in files], *map(sorted, journals)])
