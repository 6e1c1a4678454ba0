"""A rehearsal's outcome as one HTML page without outside parts, and as JSON."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup, escape

from hub_config.rehearsal.outcome import Outcome
from hub_config.rehearsal.pictures import COLOURS, STUCK, lanes
from hub_config.rehearsal.rehearse import Rehearsed

_TEMPLATES = Path(__file__).parent.parent / "templates" / "rehearsal"
_MINUTE = 120.0
_CODE = re.compile(r"`([^`]+)`")


def outcome_page(rehearsed: Rehearsed) -> str:
    """To save, to print, to show on a projector."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"seconds": shown, "coded": _coded}
    found = rehearsed.outcome
    return environment.get_template("outcome.html").render(
        found=found,
        verdict=verdict_of(found),
        headline=headline_of(found),
        arrival=arrival_of(found),
        longest=max((each.p95 for each in found.stages), default=1.0) or 1.0,
        colours=COLOURS,
        stuck_colour=STUCK,
        lanes=lanes(rehearsed.journeys),
    )


def outcome_facts(found: Outcome) -> dict[str, Any]:
    """For programs: everything, with the verdict in a word."""
    facts = dataclasses.asdict(found)
    facts["setting"]["began"] = found.setting.began.isoformat()
    return {"verdict": verdict_of(found).lower(), "headline": headline_of(found), **facts}


def verdict_of(found: Outcome) -> str:
    return "Green" if found.green else "Red"


def headline_of(found: Outcome) -> str:
    """The verdict in words."""
    if found.stuck:
        return f"{found.stuck} of {found.setting.seats} robots got stuck"
    if found.server_errors:
        return f"the hub answered {found.server_errors} times with an error"
    if found.left:
        return "robots are left behind"
    if not found.in_time:
        return "people would wait too long"
    return "this class can begin"


def arrival_of(found: Outcome) -> str:
    """How they came."""
    if found.setting.over:
        return f"arriving over {shown(found.setting.over)}"
    return "all at once"


def _coded(text: str) -> Markup:
    """Words between backticks as code; everything else as the text that it is."""
    return Markup(_CODE.sub(r"<code>\1</code>", str(escape(text))))  # noqa: S704 - escaped


def shown(seconds: float) -> str:
    """As people say it."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < _MINUTE:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.1f} min"
