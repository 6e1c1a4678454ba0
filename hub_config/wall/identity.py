"""Who is asking: what the hub says about the session, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hub_config.wall.errors import NotStaff


@dataclass(frozen=True)
class Visitor:
    """Somebody who has logged in at the hub."""

    username: str
    is_staff: bool

    def require_staff(self) -> None:
        if not self.is_staff:
            raise NotStaff(
                "The wall is for those who teach.",
                next_step="To ask for help, use the menu Help of your JupyterLab.",
            )


def visitor_of(model: Mapping[str, Any], staff_groups: frozenset[str]) -> Visitor:
    """`model` is the hub's description of a user; a service is nobody here."""
    is_user = model.get("kind", "user") == "user"
    groups = model.get("groups") or ()
    return Visitor(str(model["name"]), is_user and not staff_groups.isdisjoint(groups))
