"""Which hosts of a workshop are there, asked of the tests' cloud itself."""

from __future__ import annotations

from tests.cloud.cloud import Cloud


def living(cloud: Cloud) -> dict[str, str]:
    """The instances that are not ended: name of the host -> id."""
    there = [one for one in cloud.instances() if one.state not in ("shutting-down", "terminated")]
    return {
        tag["value"]: one.id
        for one in there
        for tag in one.get_tags()
        if tag["key"] == "workshop:host"
    }
