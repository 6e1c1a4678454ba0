"""What the exchange refuses, as facts: a status for HTTP, a code for programs, words for people."""

from __future__ import annotations

from hub_config.exchange.records import Snapshot
from provisioning.errors import WorkshopError


class Refused(WorkshopError):
    """The exchange says no; `next_step` is the remedy."""

    status = 400
    code = "bad-request"

    def as_json(self) -> dict[str, object]:
        return {"error": self.code, "message": self.message, "remedy": self.next_step}


class NotSignedIn(Refused):
    """No token, or one that the hub doesn't know."""

    status = 401
    code = "not-signed-in"


class NoRight(Refused):
    """The token is good, but not for this."""

    status = 403
    code = "no-right"


class NotThere(Refused):
    """No such assignment, submission or feedback."""

    status = 404
    code = "not-found"


class TicketUsed(Refused):
    """The ticket has already brought in a submission: here is its record."""

    status = 409
    code = "ticket-used"

    def __init__(self, snapshot: Snapshot) -> None:
        super().__init__(
            "This upload has already been filed.",
            next_step="Nothing to do. To submit again, ask for a new ticket.",
        )
        self.snapshot = snapshot

    def as_json(self) -> dict[str, object]:
        return {**super().as_json(), "submission": self.snapshot.model_dump(mode="json")}


class TicketGone(Refused):
    """The ticket expired, was never issued, or is another's."""

    status = 410
    code = "ticket-gone"


class TooLarge(Refused):
    """More bytes than the limit allows."""

    status = 413
    code = "too-large"


class BadArchive(Refused):
    """The bytes aren't an archive that we are ready to unpack."""

    status = 422
    code = "bad-archive"


class TooMany(Refused):
    """Too fast, too many at once, or the quota is used up."""

    status = 429
    code = "too-many"


class HubUnreachable(Refused):
    """The hub can't be asked whose token this is, so nobody is let in."""

    status = 503
    code = "hub-unreachable"


class StoreFull(Refused):
    """The disk of the store is full."""

    status = 507
    code = "store-full"
