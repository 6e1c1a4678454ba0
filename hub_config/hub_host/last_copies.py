"""Seats on a host that is about to go: ended, and their homes copied to the hub host once more."""

from __future__ import annotations

import json
import shlex

from hub_config.hub_host.bringing_up import HubOrder, on_hub_host
from hub_config.hub_host.layout import CURRENT, LIBRARY, PYTHON
from provisioning.errors import WorkshopError

_SECONDS = 900.0
_LAST_COPIES = "seats go on with their last copies."


def copy_once_more(order: HubOrder, name: str) -> str:
    """What to tell. Of a host that does not answer any more the hub host has the last copies."""
    order.desk.place(name)
    try:
        with on_hub_host(order) as hub:
            settings = str(hub.paths.hub / "settings.json")
            command = ["env", f"PYTHONPATH={LIBRARY / CURRENT}", str(PYTHON)]
            command += ["-m", "hub_config.fleet.leaving", settings, name]
            said = json.loads(hub.run(shlex.join(command), seconds=_SECONDS))
    except (WorkshopError, ValueError):
        return f"The hub host could not ask {name} for its homes: {_LAST_COPIES}"
    if not said["reached"]:
        return f"{name} does not answer: {_LAST_COPIES}"
    if problems := said["problems"]:
        why = next(iter(problems.values()))
        who = ", ".join(sorted(problems))
        return f"The homes of {who} on {name} could not be copied ({why}): {_LAST_COPIES}"
    return f"The homes on {name} were copied to the hub host."
