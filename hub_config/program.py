"""A process that the supervisor keeps: the noun, and what all of them have in common."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from hub_config.settings import HubSettings


@dataclass(frozen=True)
class Accounts:
    """Who our own processes run as; None as an ordinary user: all run as that user."""

    service: str | None = None
    grader: str | None = None
    arm: str | None = None
    dispatcher: str | None = None


@dataclass(frozen=True)
class Program:
    """One program. `order` says when it starts; an account None is the one of the supervisor."""

    name: str
    argv: tuple[str, ...]
    environment: tuple[tuple[str, str], ...]
    folder: Path
    order: int
    account: str | None = None
    #: Kernels belong to their server; seats don't belong to the hub.
    ends_children: bool = True


def program_environment(
    settings: HubSettings, facts: dict[str, str]
) -> tuple[tuple[str, str], ...]:
    """What every program gets, with its own facts, sorted."""
    path = f"{settings.hub_python.parent}:/usr/local/bin:/usr/bin:/usr/sbin:/bin:/sbin"
    common = {
        "PATH": path,
        "PYTHONPATH": str(settings.library),
        "PYTHONUNBUFFERED": "1",
        "LANG": "C.UTF-8",
        # Marks our processes, so that `down` can prove that none is left.
        "WORKSHOP_STATE_HOME": str(settings.state_home),
    }
    return tuple(sorted((common | facts).items()))
