"""Faults in front of the API: which calls they meet, how often, and what they do to them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from tests.cloud.api_call import Call


@dataclass(frozen=True)
class Refuse:
    """Answer with an error and do nothing."""

    code: str
    status: int = 400
    message: str = "A fault of the test."


@dataclass(frozen=True)
class Lose:
    """Do it; then answer 500, or close the connection without an answer."""

    closed: bool = False


@dataclass(frozen=True)
class Close:
    """Close the connection before anything is done."""


@dataclass(frozen=True)
class Delay:
    """Do it, and answer after so many seconds."""

    seconds: float


Effect = Refuse | Lose | Close | Delay
#: What a parameter or fact must be: this value, or one that the predicate likes.
Wanted = str | Callable[[Any], bool]

#: Server error codes and their 5xx, client error codes and their 4xx:
#: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html
NO_CAPACITY = Refuse(
    "InsufficientInstanceCapacity",
    500,
    "We currently do not have sufficient capacity in the Availability Zone you requested.",
)
THROTTLED = Refuse("RequestLimitExceeded", 503, "Request limit exceeded.")
DENIED = Refuse("UnauthorizedOperation", 403, "You are not authorized to perform this operation.")
QUOTA = Refuse(
    "VcpuLimitExceeded",
    400,
    "You have requested more vCPU capacity than your current vCPU limit of 0 allows for the "
    "instance bucket that the specified instance type belongs to.",
)
SPOT_QUOTA = Refuse("MaxSpotInstanceCountExceeded", 400, "Max spot instance count exceeded")
LOST = Lose()
LOST_CLOSED = Lose(closed=True)
CLOSED = Close()


def slow(seconds: float) -> Delay:
    return Delay(seconds)


def error(code: str, status: int = 400, message: str = "A fault of the test.") -> Refuse:
    return Refuse(code, status, message)


@dataclass
class Fault:
    """`left` counts down with each call that it met; None never ends."""

    action: str
    effect: Effect
    when: Mapping[str, Wanted]
    left: int | None
    #: Calls that match but go through before the fault begins.
    skip: int = 0
    met: int = field(default=0)

    def matches(self, call: Call) -> bool:
        if self.left == 0 or not fnmatchcase(call.action, self.action):
            return False
        return all(_fits(call.get(name), wanted) for name, wanted in self.when.items())


class Faults:
    """Rules, the oldest first; the first that matches is applied."""

    def __init__(self) -> None:
        self._choosing = threading.Lock()
        self._faults: list[Fault] = []

    def add(
        self,
        *,
        action: str,
        effect: Effect,
        when: Mapping[str, Wanted] | None = None,
        times: int | None = None,
        skip: int = 0,
    ) -> Fault:
        """From now on `effect` meets calls of `action` (a pattern) that `when` describes.

        `when` maps parameters as on the wire (`InstanceType`, `InstanceId.1`) or facts (`zone`,
        `tag:workshop:host`) to a value or a predicate; an absent one is None. Each try of a
        client that repeats its call counts for `times`.
        """
        fault = Fault(action, effect, dict(when or {}), times, skip)
        with self._choosing:
            self._faults.append(fault)
        return fault

    def choose(self, call: Call) -> Effect | None:
        """The fault that meets this call, counted; None mostly."""
        with self._choosing:
            for fault in self._faults:
                if not fault.matches(call):
                    continue
                if fault.skip:
                    fault.skip -= 1
                    continue
                fault.met += 1
                if fault.left is not None:
                    fault.left -= 1
                return fault.effect
        return None

    def clear(self) -> None:
        with self._choosing:
            self._faults.clear()


def _fits(value: Any, wanted: Wanted) -> bool:
    return bool(wanted(value)) if callable(wanted) else value == wanted
