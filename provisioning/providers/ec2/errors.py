"""What AWS answers when it does not do what was asked, as families that callers act on."""

from __future__ import annotations

from typing import ClassVar

from provisioning.errors import NotPossibleHere, StepFailed, WorkshopError


def action(operation: str) -> str:
    """The name that AWS's documentation and permissions use: RunInstances for run_instances."""
    return "".join(word.capitalize() for word in operation.split("_"))


class AwsError(WorkshopError):
    """AWS refused `operation` with `code`; `said` is its own sentence."""

    #: The next step where the raiser knows no better one.
    helps: ClassVar[str] = "repeat the command: it looks at what is there before it acts"

    def __init__(
        self, operation: str, code: str, said: str, *, region: str = "", next_step: str = ""
    ) -> None:
        where = f" in {region}" if region else ""
        super().__init__(
            f"AWS refused {action(operation)}{where}: {said} ({code})",
            next_step=next_step or self.helps,
        )
        self.operation = operation
        self.code = code
        self.said = said
        self.region = region


class NoCredentials(NotPossibleHere):
    """No AWS credentials were found, or AWS doesn't know them."""


class NotAllowed(AwsError):
    """The credentials lack a permission."""

    helps = (
        "ask whoever runs the AWS account for this permission, then repeat the command; "
        "`workshop plan` shows which ones are missing"
    )


class QuotaExceeded(AwsError):
    """The account may not have that many: other zones won't help, other families may."""

    helps = "run `workshop plan`: it says which quota is too low and what to send to AWS"


class NoCapacity(AwsError):
    """AWS has none of this type in this zone now: another zone or type may have one."""

    helps = "repeat the command in some minutes, or add types or zones in workshop.yaml"


class NotOffered(AwsError):
    """This type, image or zone doesn't go together: trying again won't help, another may."""

    helps = "change the types or zones under `hosts:` in workshop.yaml; see `workshop plan`"


class Throttled(AwsError):
    """Too many calls, even after waiting."""

    helps = "wait a minute, then repeat the command: it looks at what is there before it acts"


class NotThere(AwsError):
    """The thing doesn't exist, or isn't visible yet."""


class AlreadyThere(AwsError):
    """A thing of this name or with this rule exists."""


class InUse(AwsError):
    """Something else still depends on it."""


class TokenMismatch(AwsError):
    """The client token was used before: with other parameters, or its instance has ended."""


class AnswerLost(StepFailed):
    """The connection broke or was silent: whether AWS did it has to be looked up."""

    def __init__(self, operation: str, why: str, *, region: str = "") -> None:
        where = f" in {region}" if region else ""
        super().__init__(
            f"AWS didn't answer {action(operation)}{where}: {why.rstrip('.')}",
            next_step="check the network, then repeat the command: it looks before it acts",
        )
        self.operation = operation
        self.region = region


class NoMachine(StepFailed):
    """Every type, zone and market that the spec allows for a place was tried, and refused."""


class EndedEarly(StepFailed):
    """AWS took the order for a machine and ended it before it ran."""


class NotUpYet(StepFailed):
    """A machine exists and costs money, but doesn't run or has no address after a long wait."""


class CannotStop(NotPossibleHere):
    """One-time spot instances can be ended, not stopped."""


class NoNetwork(NotPossibleHere):
    """The region lacks what every account has at first: a default network with public subnets."""


class NoSuchHost(NotPossibleHere):
    """The workshop has no machine in that place."""
