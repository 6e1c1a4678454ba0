"""Kills a verb at each of its points and sees what the next commands make of the remains."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.cloud.cloud import Cloud
from tests.provisioning.providers.ec2.small_fleet import Verb
from tests.provisioning.providers.ec2.worlds import World, Worlds, kinds_in, too_many

PROJECT = Path(__file__).parents[4]
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


@dataclass
class Tally:
    """What the table says of one verb."""

    verb: Verb
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
    worlds: Worlds
    #: 1 kills at every point; 4 at every fourth.
    every: int = 1

    def run(self, verb: Verb) -> Tally:
        start = self._start(verb)
        points = self._do(verb, self.worlds.go_to(start))["points"]
        tally = Tally(verb, points=len(points))
        for number, point in enumerate(points):
            if number % self.every or _inside_reads(points, number):
                continue
            folder = self.worlds.go_to(start)
            killed = self._do(verb, folder, kill_at=number)
            tally.kills += killed["killed"]
            if not killed["killed"] and killed["problem"]:
                tally.problems.append(f"{verb} itself: {killed['problem']}")
            if self.worlds.is_new(folder):
                tally.remains += 1
                self._judge(tally, point, self.worlds.keep(folder))
        self._expect_nothing(tally, "up again, down", self._up_from(start))
        return tally

    def _up_from(self, start: World) -> Path:
        folder = self.worlds.go_to(start)
        assert self._do("up", folder)["problem"] == ""
        return folder

    def _start(self, verb: Verb) -> World:
        """Before the verb: nothing at all, or the fleet is up."""
        start = self.worlds.begin()
        return start if verb == "up" else self.worlds.keep(self._up_from(start))

    def _judge(self, tally: Tally, point: str, remains: World) -> None:
        """Futures of the same remains; the account is looked into past the API."""
        again: tuple[Verb, ...] = ("up", "replace") if tally.verb == "replace" else ("up",)
        for verb in again:
            self._expect_complete(tally, f"killed {point}, {verb} again", verb, remains)
        self._expect_nothing(tally, f"killed {point}, down", self.worlds.go_to(remains))
        self.cloud.restore(remains.account)
        if self.worlds.account_is_new():
            nowhere = self.worlds.fresh_folder()
            self._expect_nothing(tally, f"killed {point}, down without local state", nowhere)

    def _expect_complete(self, tally: Tally, story: str, verb: Verb, remains: World) -> None:
        self._expect_done(tally, story, self._do(verb, self.worlds.go_to(remains)))
        extra = too_many(self.cloud.inventory())
        tally.duplicates += extra.total()
        self._note(tally, story, extra)

    def _expect_nothing(self, tally: Tally, story: str, folder: Path) -> None:
        self._expect_done(tally, story, self._do("down", folder))
        left = kinds_in(self.cloud.inventory())
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

    def _do(self, verb: Verb, folder: Path, kill_at: int | None = None) -> dict[str, Any]:
        ahead = self.cloud.place.ahead
        return self.process.ask(verb=verb, folder=str(folder), ahead=ahead, kill_at=kill_at)


def _inside_reads(points: list[str], number: int) -> bool:
    """Whether only reading calls surround a point: the remains are those of the point before."""
    around = points[max(0, number - 1) : number + 1]
    return len(around) == 2 and all(_READ.search(point) for point in around)
