"""What can go wrong when homes are copied and brought back."""

from __future__ import annotations

from provisioning.errors import StepFailed


class CopyFailed(StepFailed):
    """A home was not copied, or not brought back. Its earlier copies are untouched."""

    def __init__(self, message: str, *, next_step: str = "workshop status") -> None:
        super().__init__(message, next_step=next_step)


class HostSilent(CopyFailed):
    """The host does not answer: asking it for the next home is of no use now."""


class NoHome(CopyFailed):
    """The seat has no home on its host: nobody has sat there yet."""


class TooSlow(CopyFailed):
    """It took longer than it may; there will be another try with more time."""
