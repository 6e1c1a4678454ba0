"""Meets a verb with a fault at one of its calls, and sees how it ends and what is left."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import cast

from provisioning.commands.fleet import refuse_problems
from provisioning.environments.delivery import Depot
from provisioning.errors import WorkshopError
from provisioning.fleet_desk import FleetDesk, FleetRequest
from provisioning.fleet_up import FleetUp
from provisioning.paths import StatePaths
from provisioning.providers.ec2.aws import Aws
from provisioning.providers.ec2.order import Surroundings
from provisioning.providers.ec2.provider import Ec2Provider
from provisioning.providers.ec2.teardown import Patience
from provisioning.providers.protocol import LeftBehind
from provisioning.what_exists import telling_what_exists
from tests.cloud import faults
from tests.cloud.cloud import Cloud
from tests.cloud.faults import Effect, Wanted
from tests.provisioning.providers.ec2.small_fleet import (
    COMPLETE,
    HOSTS,
    Verb,
    act,
    small_provider,
)
from tests.provisioning.providers.ec2.things import Time
from tests.provisioning.providers.ec2.worlds import World, Worlds, kinds_in, too_many

#: How long a slow answer is waited for before it counts as lost.
READ_SECONDS = 0.5
#: What there is and costs, or that nobody can tell.
_PRICE = re.compile(r"\$\d[\d.]*( to \$[\d.]+)? an hour|nothing costs|can't be (asked|listed)")
#: Real ones wait two minutes for something to change; a round of looks is the same after one.
PATIENCE = Patience(standstill=10, quiet=4)


@dataclass(frozen=True)
class Trouble:
    """A fault with a name for the table; `times` None means for ever."""

    name: str
    effect: Effect
    times: int | None
    when: Mapping[str, Wanted] = field(default_factory=dict)


#: Of these a reading call meets all that differ for it.
AT_READS = (
    Trouble("throttled twice", faults.THROTTLED, 2),
    Trouble("throttled", faults.THROTTLED, None),
    Trouble("denied", faults.DENIED, None),
    Trouble("closed", faults.CLOSED, 1),
    Trouble("closed for ever", faults.CLOSED, None),
)
AT_CHANGES = (
    *AT_READS,
    Trouble("lost", faults.LOST, 1),
    Trouble("lost for ever", faults.LOST, None),
    Trouble("lost, closed", faults.LOST_CLOSED, 1),
    Trouble("too slow", faults.slow(READ_SECONDS * 1.4), 1),
)
AT_LAUNCHES = (
    *AT_CHANGES,
    Trouble("no capacity", faults.NO_CAPACITY, None),
    Trouble("no capacity in a zone", faults.NO_CAPACITY, None, {"zone": "us-east-1b"}),
    Trouble("no capacity of a type", faults.NO_CAPACITY, None, {"InstanceType": "g4dn.xlarge"}),
    Trouble("no capacity on spot", faults.NO_CAPACITY, None, {"market": "spot"}),
    Trouble("over quota", faults.QUOTA, None),
    Trouble("over quota on spot", faults.SPOT_QUOTA, None, {"market": "spot"}),
    Trouble("one host over quota", faults.QUOTA, None, {"tag:workshop:host": "gpu-02"}),
)


def troubles_at(action: str) -> tuple[Trouble, ...]:
    """The faults that a call of this action can meet."""
    if action == "RunInstances":
        return AT_LAUNCHES
    return AT_READS if action.startswith(("Describe", "Get", "List")) else AT_CHANGES


@dataclass
class Tally:
    """What the table says of one verb: how often it ended how."""

    verb: Verb
    calls: int = 0
    trials: int = 0
    done: int = 0
    told: int = 0
    leaks: int = 0
    #: Anything that must not be: another exception, a message without a next step, a leak.
    problems: list[str] = field(default_factory=list)
    #: For each kind of error: one of the messages, as a person reads it.
    messages: dict[str, str] = field(default_factory=dict)

    def row(self) -> str:
        return (
            f"{self.verb:8} {self.calls:6} {self.trials:7} {self.done:5} {self.told:12} "
            f"{len(self.problems):9} {self.leaks:6}"
        )


HEADER = (
    f"{'verb':8} {'calls':>6} {'faults':>7} {'done':>5} {'one message':>12} "
    f"{'otherwise':>9} {'leaks':>6}"
)


@dataclass
class FaultTrials:
    """All trials of one verb in one account."""

    cloud: Cloud
    worlds: Worlds
    #: 1 tries every fault at every call; 4 every fourth of them.
    every: int = 1

    def run(self, verb: Verb) -> Tally:
        start = self._start(verb)
        actions = self._actions(verb, start)
        tally = Tally(verb, calls=len(actions))
        faults = [(action, trouble) for action in actions for trouble in troubles_at(action)]
        for action, trouble in faults[:: self.every]:
            self._try(tally, start, action, trouble)
        return tally

    def _try(self, tally: Tally, start: World, action: str, trouble: Trouble) -> None:
        folder = self.worlds.go_to(start)
        fault = self.cloud.faults.add(
            action=action, effect=trouble.effect, when=trouble.when, times=trouble.times
        )
        story = f"{tally.verb}, {action} {trouble.name}"
        patience = READ_SECONDS if isinstance(trouble.effect, faults.Delay) else 30
        told = self._failure(tally, story, folder, patience)
        self.cloud.faults.clear()
        if not fault.met:
            return
        tally.trials += 1
        if told:
            tally.told += 1
            self._judge_message(tally, story, told)
        else:
            tally.done += 1
            self._judge_end(tally, story)
        over = tally.verb == "down" and not told
        if not over and self.worlds.is_new(folder):
            self._expect_good_end(tally, story, self.worlds.keep(folder))

    def _failure(
        self, tally: Tally, story: str, folder: Path, read_seconds: float = 30
    ) -> WorkshopError | None:
        """What the person reads when the verb did not do all."""
        try:
            self._do(tally.verb, folder, read_seconds)
            return None
        except WorkshopError as error:
            return error
        except Exception as error:  # what must never be seen by a person
            tally.problems.append(f"{story}: {type(error).__name__}: {error}")
            return None

    def _judge_message(self, tally: Tally, story: str, told: WorkshopError) -> None:
        """It says the cause, what there is, what that costs, and what to type."""
        text = "\n".join([told.message, *getattr(told, "__notes__", ())])
        tally.messages[f"{story}: {type(told).__name__}"] = f"{text} | {told.next_step}"
        left = isinstance(told, LeftBehind) and told.inventory.left
        if not (told.message and told.next_step):
            tally.problems.append(f"{story}: says {text!r}, {told.next_step!r}")
        if not (left or _PRICE.search(text)):
            tally.problems.append(f"{story}: doesn't say what there is and costs: {text!r}")

    def _judge_end(self, tally: Tally, story: str) -> None:
        """A verb that says that all is well must be right."""
        inventory = self.cloud.inventory()
        have = kinds_in(inventory)
        wanted: Mapping[str, int] = {} if tally.verb == "down" else COMPLETE
        lacking = Counter({kind: n for kind, n in wanted.items() if kind != "spot-request"}) - have
        if too_many(inventory) if wanted else have:
            tally.problems.append(f"{story}: says done, but there is {dict(have)}")
            tally.leaks += not wanted
        if lacking:
            tally.problems.append(f"{story}: says done, but there lacks {dict(lacking)}")

    def _expect_good_end(self, tally: Tally, story: str, remains: World) -> None:
        """When the fault is over, `up` is complete without duplicates, and `down` is empty."""
        verbs: tuple[Verb, ...] = ("down",) if tally.verb == "down" else ("up", "down")
        for verb in verbs:
            folder = self.worlds.go_to(remains)
            after = Tally(verb)
            told = self._failure(after, f"{story}, then {verb}", folder)
            if told:
                after.problems.append(f"{story}, then {verb}: {told.message}")
            else:
                self._judge_end(after, f"{story}, then {verb}")
            tally.problems += after.problems
            tally.leaks += after.leaks

    def _start(self, verb: Verb) -> World:
        """Before the verb: nothing at all, or the fleet is up."""
        start = self.worlds.begin()
        if verb == "up":
            return start
        folder = self.worlds.go_to(start)
        self._do("up", folder)
        return self.worlds.keep(folder)

    def _actions(self, verb: Verb, start: World) -> list[str]:
        folder = self.worlds.go_to(start)
        self.cloud.calls.clear()
        self._do(verb, folder)
        return sorted(set(self.cloud.calls.actions()))

    def _do(self, verb: Verb, folder: Path, read_seconds: float = 30) -> None:
        """The part of the command that deals with the cloud. Raises what a person would read."""
        time = Time(self.cloud)
        around = Surroundings(clock=time.utc, pace=time.pace, teardown=PATIENCE)
        aws = account(self.cloud.endpoint, read_seconds)
        provider = small_provider(folder, aws, around)
        desk = _desk(provider, folder)
        with nullcontext() if verb == "down" else telling_what_exists(desk):
            launched = act(verb, provider, folder)
        why = {one.name: one.why for one in launched.missing}
        refuse_problems(desk, FleetUp(launched.fleet, {}, launched.created, why))


def _desk(provider: Ec2Provider, folder: Path) -> FleetDesk:
    """The command's desk, whose provider waits in the cloud's time."""
    paths, spec = StatePaths(folder, "nlp"), folder / "workshop.yaml"
    depot = cast(Depot, None)  # no environment is asked for here
    desk = FleetDesk(FleetRequest("nlp", HOSTS, 8000, "5e3c", spec, paths, depot))
    desk.__dict__["provider"] = provider  # where a cached property keeps its value
    return desk


@cache
def account(endpoint: str, read_seconds: float) -> Aws:
    """The account of the environment. botocore would wait in our own time before it repeats."""
    assert endpoint == os.environ["AWS_ENDPOINT_URL"]
    return Aws(HOSTS.region, attempts=1, read_seconds=read_seconds)
