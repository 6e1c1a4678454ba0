"""What AWS answers when it does not do what was asked, as families that callers act on."""

from __future__ import annotations

from provisioning.errors import NotPossibleHere, StepFailed, WorkshopError


class AwsError(WorkshopError):
    """AWS refused `operation` with `code`; `said` is its own sentence."""

    def __init__(
        self, operation: str, code: str, said: str, *, region: str = "", next_step: str = ""
    ) -> None:
        where = f" in {region}" if region else ""
        super().__init__(f"AWS refused {operation}{where}: {said} ({code})", next_step=next_step)
        self.operation = operation
        self.code = code
        self.said = said
        self.region = region


class NoCredentials(NotPossibleHere):
    """No AWS credentials were found, or AWS doesn't know them."""


class NotAllowed(AwsError):
    """The credentials lack a permission."""


class QuotaExceeded(AwsError):
    """The account may not have that many: other zones won't help, other families may."""


class NoCapacity(AwsError):
    """AWS has none of this type in this zone now: another zone or type may have one."""


class NotOffered(AwsError):
    """This type, image or zone doesn't go together: trying again won't help, another may."""


class Throttled(AwsError):
    """Too many calls, even after waiting."""


class NotThere(AwsError):
    """The thing doesn't exist, or isn't visible yet."""


class AlreadyThere(AwsError):
    """A thing of this name or with this rule exists."""


class InUse(AwsError):
    """Something else still depends on it."""


class TokenMismatch(AwsError):
    """The client token was used before with other parameters."""


class AnswerLost(StepFailed):
    """The connection broke or was silent: whether AWS did it has to be looked up."""

    def __init__(self, operation: str, why: str, *, region: str = "") -> None:
        super().__init__(
            f"AWS didn't answer {operation}{f' in {region}' if region else ''}: {why}",
            next_step="check the network, then repeat the command: it looks before it acts",
        )
        self.operation = operation
        self.region = region
