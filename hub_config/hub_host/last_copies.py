"""Homes on a host that is about to go, copied to the hub host once more."""

from __future__ import annotations

import shlex

from hub_config.hub_host.bringing_up import HubOrder, on_hub_host
from hub_config.hub_host.layout import CURRENT, LIBRARY, PYTHON
from provisioning.errors import WorkshopError

_SECONDS = 900.0


def copy_once_more(order: HubOrder, name: str) -> str:
    """What to tell: a host that does not answer any more has its last copies."""
    order.desk.place(name)
    try:
        with on_hub_host(order) as hub:
            settings = str(hub.paths.hub / "settings.json")
            command = ["env", f"PYTHONPATH={LIBRARY / CURRENT}", str(PYTHON)]
            command += ["-m", "hub_config.backup", "once", settings, name]
            hub.run(shlex.join(command), seconds=_SECONDS)
    except WorkshopError:
        return f"{name} could not be asked for its homes: seats go on with their last copies."
    return f"The homes on {name} were copied to the hub host."
