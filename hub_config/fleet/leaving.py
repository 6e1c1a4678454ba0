"""A host is about to be replaced: its seats end and are copied. Run on the hub's host, as root:

    python -m hub_config.fleet.leaving <hub folder>/settings.json HOST

Ends with a line of JSON: {"reached": false}, or {"reached": true, "seats": 2, "problems": {}}.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from hub_config.fleet.hub_side import hub_side
from hub_config.fleet.moving import leave_host
from hub_config.fleet.placement import read_seat_map
from hub_config.fleet.silence import is_reached
from hub_config.settings import HubSettings


def leave(settings: HubSettings, host: str) -> dict[str, Any]:
    """A host that can't be reached is left alone: its seats wait already."""
    if not asyncio.run(is_reached(settings, host)):
        return {"reached": False}
    seats = read_seat_map(settings.seat_map).on(host) if settings.seat_map else ()
    problems = leave_host(hub_side(settings), settings, host)
    return {"reached": True, "seats": len(seats), "problems": problems}


if __name__ == "__main__":
    told = HubSettings.model_validate_json(Path(sys.argv[1]).read_text())
    sys.stdout.write(json.dumps(leave(told, sys.argv[2])) + "\n")
