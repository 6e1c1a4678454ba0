"""Calls that wait when AWS says "not so fast", and repeat what may safely be repeated."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from provisioning.providers.ec2.aws import Aws
from provisioning.providers.ec2.errors import AnswerLost, Throttled
from provisioning.providers.ec2.pace import Pace

T = TypeVar("T")


class Calls:
    """EC2 in one region. All methods raise what `Aws.call` raises."""

    def __init__(self, aws: Aws, pace: Pace) -> None:
        self.region = aws.region
        self.pace = pace
        self._aws = aws
        self._once = aws.with_attempts(1)

    def listing(self, operation: str, key: str, **parameters: Any) -> list[dict[str, Any]]:
        """All pages of a Describe call."""
        return self.patiently(lambda: self._aws.every("ec2", operation, key, **parameters))

    def change(self, operation: str, **parameters: Any) -> dict[str, Any]:
        """A call that may be sent twice without harm, such as TerminateInstances."""
        return self.patiently(lambda: self._aws.call("ec2", operation, **parameters))

    def create_once(self, operation: str, **parameters: Any) -> dict[str, Any]:
        """One try: a lost answer is raised, so that the caller looks before it asks again.

        "No capacity", too, has to come back at once, and lead on to the next zone.

        AWS says InsufficientInstanceCapacity with HTTP 500, which botocore would repeat.
        https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html
        """
        return self._once.call("ec2", operation, **parameters)

    def patiently(self, call: Callable[[], T]) -> T:
        """Repeat what harms nobody when repeated, as long as AWS is busy or doesn't answer."""
        why: AnswerLost | Throttled | None = None
        for _ in self.pace.tries(first=1, most=15, seconds=self.pace.patience_seconds):
            try:
                return call()
            except (AnswerLost, Throttled) as error:
                why = error
        assert why is not None  # noqa: S101 - `tries` yields at least once
        raise why
