"""What it means that nobody answers: the host is gone, or only the service that runs its seats.

A host that is gone takes its seats along, and they move as soon as that is sure. Where only the
service is silent, servers and kernels go on, and moving them would be the harm: the service is
started anew, and its seats stay for a good while longer.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from hub_config.fleet.host_facts import State
from hub_config.fleet.host_script import run_there
from hub_config.fleet.links import command_on_host, link_files
from hub_config.fleet.seat_map import HUB
from hub_config.settings import HubSettings
from hub_config.supervisor import Supervisor

#: Two questions without an answer: perhaps a link that is made anew.
SILENT_SECONDS = 8.0
#: Neither the service nor the host itself answers for so long.
DEAD_SECONDS = 20.0
#: The service alone is silent for so long, starting it anew did not help, and there is a spare.
GIVEN_UP_SECONDS = 120.0
#: A login that takes longer counts as none.
REACH_SECONDS = 4.0
_RESTART_SECONDS = 60.0

#: systemd starts it again; without systemd the loop does that holds it. Its seats outlive it.
_RESTART: Final = """
if [ -d /run/systemd/system ]; then exec systemctl restart workshop-seats.service; fi
exec pkill -KILL -f '^{python} -m hub_config[.]seat_host[.]service '
"""


@dataclass(frozen=True)
class Quiet:
    """For how many seconds nothing was heard: of the service that runs seats, None if it has just
    answered; and of the host, by the service or by a login."""

    service: float | None
    host: float = 0.0


def judge(quiet: Quiet, before: State, *, spare: bool = False) -> State:
    """A host's state from how long it has been quiet. `spare`: its seats have where to go; else a
    host whose seats still run is not given up, for that would end them."""
    if quiet.service is None:
        return "well"
    if before in ("dead", "replaced"):
        return before  # it was given up, and is until it answers
    if quiet.host >= DEAD_SECONDS or (spare and quiet.service >= GIVEN_UP_SECONDS):
        return "dead"
    if quiet.service >= DEAD_SECONDS:
        return "no service"
    return "silent" if quiet.service >= SILENT_SECONDS else before


async def is_reached(settings: HubSettings, host: str) -> bool:
    """Whether the host lets the hub's host in, by a connection of its own: what an open link says
    of itself may be ten seconds old."""
    if host == HUB:
        return True
    if settings.links is None:
        return False
    nothing = asyncio.subprocess.DEVNULL
    login = (*command_on_host(host, link_files(settings)), "true")
    try:
        asked = await asyncio.create_subprocess_exec(
            *login, stdin=nothing, stdout=nothing, stderr=nothing
        )
    except OSError:
        return False
    try:
        return await asyncio.wait_for(asked.wait(), REACH_SECONDS) == 0
    except TimeoutError:
        with suppress(ProcessLookupError):
            asked.kill()
        await asked.wait()
        return False


def restart_service(settings: HubSettings, host: str) -> None:
    """Start the service that runs a host's seats anew; they go on, and the next one finds them.

    Raises StepFailed with what the host says against it.
    """
    if host == HUB:
        configuration = settings.hub_folder / "supervisord.conf"
        Supervisor(settings.hub_python, configuration, settings.state_home).restart("seats")
        return
    script = _RESTART.format(python=settings.hub_python)
    login = command_on_host(host, link_files(settings))
    run_there(login, {}, script, seconds=_RESTART_SECONDS)
