"""Remove old versions of an environment from hosts. Only somebody's explicit wish does this."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from provisioning.environments.manifest import PREFIXES
from provisioning.environments.shipping.questions import ask_each
from provisioning.errors import WorkshopError
from provisioning.ssh.login import Login


@dataclass(frozen=True)
class Pruned:
    """What became of the versions on one host."""

    host: str
    removed: tuple[str, ...]
    #: Those that stay, and why: in use, the one before, a process runs it, being shipped.
    kept: Mapping[str, str]
    freed_bytes: int


def prune(
    name: str,
    logins: Mapping[str, Login],
    *,
    environments: Path = PREFIXES,
    seconds: float = 300.0,
) -> dict[str, Pruned | WorkshopError]:
    """Keep the version in use and the one before it, and remove the others' files and archives."""
    order = {"environments": str(environments), "name": name}

    def reading(host: str, facts: dict[str, Any]) -> Pruned:
        kept = {each["version"]: each["why"] for each in facts["kept"]}
        return Pruned(host, tuple(facts["removed"]), kept, facts["freed"])

    return ask_each(logins, "prune", order, seconds=seconds, reading=reading)
