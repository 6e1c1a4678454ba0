"""Waiting for a hub that has just been started: how long, and when it is given up."""

from __future__ import annotations

import time
from pathlib import Path

from hub_config.grading_process import Progress
from hub_config.hub_api import HubApi, is_open
from hub_config.supervisor import Supervisor
from provisioning.errors import StepFailed

#: For a hub that ends again and again while it starts, or a proxy that does not open.
HUB_SECONDS = 120
#: For a hub that goes on starting: a small or busy machine takes minutes to import a dozen
#: programs at once.
SLOW_HUB_SECONDS = 900
#: Whoever has run for this long has not just ended.
_STEADY_SECONDS = 60
_PAUSE_SECONDS, _SLOW_PAUSE_SECONDS = 0.5, 5.0


def wait_for_hub(
    hub: HubApi, door: str, supervisor: Supervisor, logs: Path, progress: Progress
) -> None:
    """Until the hub answers, and at `door` too: through the proxy, which is what people use.

    StepFailed when there is no hope left.
    """
    waited_for, since = "", 0.0
    while silent := _silent(hub, door):
        if silent != waited_for:
            waited_for, since = silent, time.monotonic()
        waited = time.monotonic() - since
        slow = waited > HUB_SECONDS
        if slow and not (silent == "hub" and _still_starts(supervisor, waited)):
            raise _gives_no_answer(silent, waited, supervisor, logs)
        progress("hub", 0, 1, "starting")
        time.sleep(_SLOW_PAUSE_SECONDS if slow else _PAUSE_SECONDS)
    progress("hub", 1, 1, "")


def _silent(hub: HubApi, door: str) -> str:
    """Which program does not answer yet; "" when both do."""
    if not hub.healthy():
        return "hub"
    return "" if is_open(door) else "proxy"


def _still_starts(supervisor: Supervisor, waited: float) -> bool:
    return waited < SLOW_HUB_SECONDS and supervisor.age("hub") > _STEADY_SECONDS


def _gives_no_answer(silent: str, waited: float, supervisor: Supervisor, logs: Path) -> StepFailed:
    states = ", ".join(f"{state.name} {state.state}" for state in supervisor.states())
    return StepFailed(
        f"The hub did not answer within {waited:.0f} s ({states}); seats and work are untouched",
        next_step=f"read {logs / silent}.log, then repeat `workshop up`",
    )
