"""The JSON file that the wall's service is started with. It holds no secret."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from hub_config.settings import HubSettings


class WallConfig(BaseModel):
    """Where the wall listens, finds its facts, and keeps what people tell it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    bind: str = "127.0.0.1"
    port: int = Field(ge=0, lt=65536)
    facts: Path
    desk: Path
    #: How long the hub's word on a session of staff, and of an attendee, is believed.
    staff_seconds: int = Field(default=5, ge=0)
    attendee_seconds: int = Field(default=300, ge=0)
    staff_groups: frozenset[str] = frozenset({"instructors", "assistants"})
    #: How often homes are copied from the hosts of seats; None: seats are on the hub's own.
    copy_minutes: float | None = None


def facts_file(state_home: Path) -> Path:
    """Written by the gatherer (root), read by the service."""
    return state_home / "wall-facts" / "facts.json"


def desk_folder(state_home: Path) -> Path:
    """The service's own folder: calls for help, messages, and that somebody looks."""
    return state_home / "wall"


def watched_file(desk: Path) -> Path:
    """Touched while somebody looks at the wall, so that facts are gathered often."""
    return desk / "watched"


def wall_config(settings: HubSettings) -> dict[str, object]:
    """The file's content, the same for the same settings: a file that differs restarts us."""
    home = settings.state_home
    config = WallConfig(
        port=settings.ports.wall,
        facts=facts_file(home),
        desk=desk_folder(home),
        copy_minutes=settings.backup.minutes if settings.seat_hosts else None,
    ).model_dump(mode="json")
    return config | {"staff_groups": sorted(config["staff_groups"])}


def read_config(path: Path) -> WallConfig:
    return WallConfig.model_validate_json(path.read_bytes())
