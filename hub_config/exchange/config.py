"""The JSON file that the exchange service is started with. It holds no secret."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from hub_config.exchange.archive import Limits
from hub_config.exchange.store import Quota

_MEGABYTE = 1_000_000


class ArchiveLimits(BaseModel):
    """How large an archive may be, packed and unpacked."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_megabytes: float = Field(gt=0)
    max_files: int = Field(gt=0)
    max_unpacked_megabytes: float = Field(gt=0)

    @property
    def upload_bytes(self) -> int:
        return int(self.max_megabytes * _MEGABYTE)

    @property
    def unpacked(self) -> Limits:
        total = int(self.max_unpacked_megabytes * _MEGABYTE)
        return Limits(files=self.max_files, file_bytes=total, total_bytes=total)


class ServiceConfig(BaseModel):
    """Everything the service must know. `submissions` comes from workshop.yaml."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    course: str
    bind: str = "127.0.0.1"
    port: int = Field(gt=0, lt=65536)
    store: Path
    reports: Path
    submissions: ArchiveLimits = ArchiveLimits(
        max_megabytes=20, max_files=200, max_unpacked_megabytes=100
    )
    # Releases and feedback come from instructors.
    material: ArchiveLimits = ArchiveLimits(
        max_megabytes=200, max_files=2000, max_unpacked_megabytes=1000
    )
    snapshots_kept: int = Field(default=200, gt=0)
    megabytes_kept: float = Field(default=500, gt=0)
    tickets_per_minute: int = Field(default=30, gt=0)
    ticket_minutes: float = Field(default=10, gt=0)
    uploads_at_once: int = Field(default=3, gt=0)
    identity_seconds: int = Field(default=30, ge=0)
    instructor_groups: frozenset[str] = frozenset({"instructors"})
    instructor_services: frozenset[str] = frozenset({"formgrader", "grader"})

    @property
    def quota(self) -> Quota:
        """Per attendee and assignment."""
        return Quota(self.snapshots_kept, int(self.megabytes_kept * _MEGABYTE))

    @property
    def ticket_lifetime(self) -> timedelta:
        return timedelta(minutes=self.ticket_minutes)


def read_config(path: Path) -> ServiceConfig:
    return ServiceConfig.model_validate_json(path.read_bytes())
