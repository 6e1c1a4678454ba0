"""The records that the exchange keeps and sends, and the names it accepts in them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

# Names become folder names, so they are narrow: no slash, no leading dot or dash, no blanks.
AssignmentName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
Username = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._@+-]{0,127}$")]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
EntryId = Annotated[str, Field(pattern=r"^[0-9]{6}-[0-9a-f]{64}$")]

# nbgrader's own format, in which it reads and shows times.
NBGRADER_TIME = "%Y-%m-%d %H:%M:%S.%f UTC"


def nbgrader_time(moment: datetime) -> str:
    """A UTC time as nbgrader writes it in timestamp.txt."""
    return moment.strftime(NBGRADER_TIME)


class Record(BaseModel):
    """What is written once beside the bytes, and never changed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: EntryId
    sha256: Sha256
    size: int

    @classmethod
    def read(cls, text: bytes) -> Self:
        return cls.model_validate_json(text)

    def sequence(self) -> int:
        return int(self.id.partition("-")[0])


class Release(Record):
    """One version of an assignment, as attendees fetch it."""

    assignment: AssignmentName
    released: AwareDatetime
    released_by: str
    notebooks: tuple[str, ...]
    withdrawn: bool = False


class Snapshot(Record):
    """One submission: whose, of what, when by the server's clock, and which bytes."""

    assignment: AssignmentName
    username: Username
    received: AwareDatetime
    ticket: str
    notebooks: tuple[str, ...]

    def timestamp(self) -> str:
        return nbgrader_time(self.received)


class Feedback(Record):
    """One version of the feedback on one snapshot."""

    assignment: AssignmentName
    username: Username
    snapshot: EntryId
    released: AwareDatetime
    released_by: str
    pages: tuple[str, ...]


class SubmissionView(BaseModel):
    """A snapshot and its newest feedback, as the list shows them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    snapshot: Snapshot
    feedback: Feedback | None


class AssignmentView(BaseModel):
    """An assignment as one caller sees it: the current release and the caller's own work."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    assignment: AssignmentName
    release: Release | None
    submissions: tuple[SubmissionView, ...]


class Overview(BaseModel):
    """The answer to "what is there for me?"."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    course: str
    name: str
    instructor: bool
    assignments: tuple[AssignmentView, ...]


class TicketRequest(BaseModel):
    """What a client may say when it asks for a ticket. Who asks is not among it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    assignment: AssignmentName
    size: int | None = Field(default=None, ge=0)
    sha256: Sha256 | None = None


class TicketAnswer(BaseModel):
    """A ticket as the client gets it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    ticket: str
    expires: AwareDatetime
    max_bytes: int
