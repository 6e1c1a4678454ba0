"""How safe everybody's work is: the newest copies of the homes on the hub's host."""

from __future__ import annotations

from datetime import datetime

from hub_config.wall.facts import Facts
from hub_config.wall.money import span


def copies_now(facts: Facts, now: datetime) -> str:
    """One sentence for the wall; "" where nothing is copied."""
    if not facts.copies:
        return ""
    moments = [each.at for each in facts.copies if each.at is not None]
    if not moments:
        return "No work has been copied yet."
    parts = [f"Work is copied; the oldest copy is {span(now - min(moments))} old"]
    if lacking := len(facts.copies) - len(moments):
        parts.append(f"{lacking} without a copy")
    if large := sum(each.over_quota for each in facts.copies):
        parts.append(f"{large} with more files than are copied")
    return ", ".join(parts) + "."
