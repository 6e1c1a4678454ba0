"""Kills a verb at each of its points and sees what the next commands make of the remains."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.cloud.cloud import Cloud, Snapshot
from tests.cloud.inventory import Left

PROJECT = Path(__file__).parents[4]
#: What there is when the small fleet is up: a hub on demand, two hosts on the spot market.
COMPLETE: Mapping[str, int] = {
    "instance": 3,
    "volume": 3,
    "network-interface": 3,
    "security-group": 2,
    "key-pair": 1,
    "spot-request": 2,
}
#: What differs between two runs and means nothing: ids, tokens, times, numbers of lines; zones,
#: and which of two equal hosts it is.
_RANDOM = re.compile(
    r"(?:[a-z]+-)?[0-9a-f]{16,40}|\d{4}-\d\d-\d\dT[0-9:.+]+|number\\*\": \d+"
    r"|us-east-1[a-f]|gpu-0\d"
)


_READ = re.compile(r" call (Describe|Get|List)")


class MortalProcess:
    """The helper process that runs verbs in forks."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.provisioning.providers.ec2.mortal_process"],
            cwd=PROJECT,
            env=dict(environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, **order: Any) -> dict[str, Any]:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.kill()
        self._process.wait()


@dataclass(frozen=True)
class World:
    """A moment: the account, and the folder of the workshop's state."""

    account: Snapshot
    folder: Path


@dataclass
class Tally:
    """What the table says of one verb."""

    verb: str
    points: int = 0
    kills: int = 0
    #: Different remains: what was left in the account, in the journal and in files.
    remains: int = 0
    duplicates: int = 0
    leaks: int = 0
    problems: list[str] = field(default_factory=list)

    def row(self) -> str:
        return (
            f"{self.verb:8} {self.points:7} {self.kills:6} {self.remains:8} "
            f"{self.duplicates:11} {self.leaks:6}"
        )


HEADER = f"{'verb':8} {'points':>7} {'kills':>6} {'remains':>8} {'duplicates':>11} {'leaks':>6}"


@dataclass
class Trials:
    """All trials of one verb in one account."""

    cloud: Cloud
    process: MortalProcess
    scratch: Path
    _copies: int = 0
    _seen: set[str] = field(default_factory=set)

    def run(self, verb: str) -> Tally:
        start = self._start(verb)
        points = self._do(verb, self._go_to(start))["points"]
        tally = Tally(verb, points=len(points))
        for number, point in enumerate(points):
            if _inside_reads(points, number):
                continue
            folder = self._go_to(start)
            killed = self._do(verb, folder, kill_at=number)
            tally.kills += killed["killed"]
            if not killed["killed"] and killed["problem"]:
                tally.problems.append(f"{verb} itself: {killed['problem']}")
            if self._is_new(_state(folder), self._account()):
                tally.remains += 1
                self._judge(tally, point, self._keep(folder))
        self._expect_nothing(tally, "up again, down", self._up_from(start))
        return tally

    def _up_from(self, start: World) -> Path:
        folder = self._go_to(start)
        assert self._do("up", folder)["problem"] == ""
        return folder

    def _start(self, verb: str) -> World:
        """Before the verb: nothing at all, or the fleet is up."""
        folder = self.scratch / "start"
        folder.mkdir()
        if verb != "up":
            assert self._do("up", folder)["problem"] == ""
        else:
            with self.cloud.lock:
                self.cloud.region("us-east-1")  # its network stays the same in all trials
        return self._keep(folder)

    def _judge(self, tally: Tally, point: str, remains: World) -> None:
        """Futures of the same remains; the account is looked into past the API."""
        for verb in sorted({"up", tally.verb} - {"down"}):
            self._expect_complete(tally, f"killed {point}, {verb} again", verb, remains)
        self._expect_nothing(tally, f"killed {point}, down", self._go_to(remains))
        self.cloud.restore(remains.account)
        if self._is_new(self._account()):
            nowhere = self._fresh_folder()
            self._expect_nothing(tally, f"killed {point}, down without local state", nowhere)

    def _expect_complete(self, tally: Tally, story: str, verb: str, remains: World) -> None:
        self._expect_done(tally, story, self._do(verb, self._go_to(remains)))
        extra = _too_many(self.cloud.inventory())
        tally.duplicates += extra.total()
        self._note(tally, story, extra)

    def _expect_nothing(self, tally: Tally, story: str, folder: Path) -> None:
        self._expect_done(tally, story, self._do("down", folder))
        left = Counter(thing.kind for thing in self.cloud.inventory())
        tally.leaks += left.total()
        self._note(tally, story, left)

    @staticmethod
    def _expect_done(tally: Tally, story: str, result: dict[str, Any]) -> None:
        if result["problem"]:
            tally.problems.append(f"{story}: {result['problem']}")

    @staticmethod
    def _note(tally: Tally, story: str, wrong: Mapping[str, int]) -> None:
        if wrong:
            tally.problems.append(f"{story}: {dict(wrong)}")

    def _do(self, verb: str, folder: Path, kill_at: int | None = None) -> dict[str, Any]:
        ahead = self.cloud.place.ahead
        return self.process.ask(verb=verb, folder=str(folder), ahead=ahead, kill_at=kill_at)

    def _is_new(self, *parts: str) -> bool:
        """Whether remains like these were not judged yet; one judgement is enough for twins."""
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
        groups = self.cloud.region("us-east-1").backend.groups.values()
        rules = sorted(len(group.ingress_rules) for one in groups for group in one.values())
        ended = sum(one.state == "terminated" for one in self.cloud.instances())
        return json.dumps([things, rules, ended])

    def _keep(self, folder: Path) -> World:
        return World(self.cloud.snapshot(), self._copy(folder))

    def _go_to(self, world: World) -> Path:
        """The account as it was then; the folder of a copy that may be changed."""
        self.cloud.restore(world.account)
        return self._copy(world.folder)

    def _copy(self, folder: Path) -> Path:
        return Path(shutil.copytree(folder, self._next_name()))

    def _fresh_folder(self) -> Path:
        folder = self._next_name()
        folder.mkdir()
        return folder

    def _next_name(self) -> Path:
        self._copies += 1
        return self.scratch / f"state-{self._copies}"


def _inside_reads(points: list[str], number: int) -> bool:
    """Whether only reading calls surround a point: the remains are those of the point before."""
    around = points[max(0, number - 1) : number + 1]
    return len(around) == 2 and all(_READ.search(point) for point in around)


def _state(folder: Path) -> str:
    """Which files are there, and the journal. Keys differ each time and tell nothing."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    journals = [path.read_text().splitlines() for path in files if path.name == "journal.jsonl"]
    return json.dumps([[path.name for path in files], *map(sorted, journals)])


def _too_many(inventory: tuple[Left, ...]) -> Counter[str]:
    """What there is beyond one machine in each place and what belongs to it."""
    found = Counter(left.kind for left in inventory)
    places = Counter(
        left.tags.get("workshop:host", "?") for left in inventory if left.kind == "instance"
    )
    twice = Counter({f"instances in {place}": n - 1 for place, n in places.items() if n > 1})
    return (found - Counter(COMPLETE)) + twice
