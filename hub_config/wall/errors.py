"""What the wall refuses, with the status that the answer gets."""

from __future__ import annotations

from provisioning.errors import WorkshopError


class Refused(WorkshopError):
    """A request that isn't granted; nothing was changed."""

    status = 400


class NotStaff(Refused):
    """The wall is for instructors and assistants."""

    status = 403


class NotNow(Refused):
    """A request that makes no sense at this moment; the message says why."""

    status = 409
