"""Gathers the wall's facts: `python -m hub_config.wall.gatherer --settings FILE`.

Runs as root, because it reads what no web service may (seats, results, the agents' sockets);
therefore it listens nowhere, and what it reads is data to it.
"""

from __future__ import annotations

import argparse
import logging
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from hub_config.extending.limits import times_left
from hub_config.extending.records import read_extensions
from hub_config.fleet.placement import agent_socket, hosts_file
from hub_config.fleet.seat_map import HUB
from hub_config.programs import grader_settings
from hub_config.settings import HubSettings
from hub_config.wall import host_facts, sources
from hub_config.wall.assistant_queue import AssistantQueue, ask_grader
from hub_config.wall.config import desk_folder, facts_file, watched_file
from hub_config.wall.facts import (
    Facts,
    Fleet,
    Grading,
    Host,
    Person,
    Server,
    Usage,
    read_facts,
    write_facts,
)
from hub_config.wall.hub_users import HubUsers, with_memory
from hub_config.wall.progress import ReleasedLabs, VerdictFolder
from provisioning.deadline_timer import TIMER_FILE
from provisioning.errors import WorkshopError

#: Between two looks while somebody watches, and while nobody does.
WATCHED_SECONDS = 5.0
UNWATCHED_SECONDS = 60.0
#: Somebody watches when the wall was asked so lately.
_LATELY = 30.0
#: How soon somebody who comes to the wall is noticed.
_NAP = 1.0

_HUB_SILENT = "The hub does not answer: who is in, is not known."
_LOG = logging.getLogger(__name__)


@dataclass
class Gatherer:
    """Looks at everything once per call of `look`; remembers only what saves reading twice."""

    settings: HubSettings
    hub: HubUsers
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    timer: Path = Path(TIMER_FILE)
    queue: AssistantQueue = field(init=False)
    _verdicts: VerdictFolder = field(init=False)
    _labs: ReleasedLabs = field(init=False)
    _usage: tuple[Usage, ...] = field(init=False)
    _servers: tuple[Server, ...] = field(init=False)

    def __post_init__(self) -> None:
        course = self.settings.state_home / "course"
        self.queue = AssistantQueue(partial(ask_grader, self.settings))
        self._verdicts = VerdictFolder(course / "verdicts")
        self._labs = ReleasedLabs(course)
        before = read_facts(facts_file(self.settings.state_home))
        self._usage = before.usage if before else ()
        self._servers = (before.servers or ()) if before else ()

    def look(self) -> Facts:
        """The facts of this moment. What can't be read is said among the troubles."""
        settings, now = self.settings, self.clock()
        troubles: list[str] = []
        labs = self._labs.read(sources.read_course(grader_settings(settings.state_home)))
        work = self._verdicts.work(lab.name for lab in labs)
        usage = host_facts.read_usage(self._agents())
        self._usage = host_facts.when_out_of_memory(now, usage, self._usage)
        return Facts(
            taken_at=now,
            workshop=settings.workshop,
            idle_minutes=settings.idle_minutes,
            people=self._people(troubles),
            servers=self._ask_hub(now, troubles),
            usage=self._usage,
            hosts=self._hosts(now, troubles),
            labs=labs,
            work=work,
            grading=self._grading(),
            not_judged=self.queue.still_open(work),
            fleet=self._fleet(),
            copies=sources.read_copies(settings.hub_folder),
            moves=sources.read_moved(settings.hub_folder),
            troubles=tuple(troubles),
        )

    def _people(self, troubles: list[str]) -> tuple[Person, ...]:
        try:
            return sources.read_people(self.settings.seats_file)
        except WorkshopError as error:
            troubles.append(f"The seats can't be read: {error.message}")
            return ()

    def _ask_hub(self, now: datetime, troubles: list[str]) -> tuple[Server, ...] | None:
        servers = self.hub.read()
        if servers is None:
            troubles.append(_HUB_SILENT)
            return None
        self._servers = with_memory(now, servers, self._servers)
        return self._servers

    @property
    def _own_name(self) -> str:
        """How the wall calls the machine that it runs on."""
        return HUB if self.settings.seat_hosts else "this machine"

    def _agents(self) -> dict[str, Path]:
        """The services that run seats, by the name of their host."""
        others = {
            host.name: agent_socket(self.settings, host.name) for host in self.settings.seat_hosts
        }
        return {self._own_name: agent_socket(self.settings, HUB), **others}

    def _hosts(self, now: datetime, troubles: list[str]) -> tuple[Host, ...]:
        """This machine first, then what the watch knows of the others."""
        found, trouble = host_facts.read_hosts(hosts_file(self.settings), now)
        troubles += [trouble] if trouble else []
        watched = tuple(
            replace(host, name=self._own_name) if host.name == HUB else host for host in found
        )
        known = {host.name for host in watched}
        silent = tuple(
            Host(host.name, "unknown")
            for host in self.settings.seat_hosts
            if host.name not in known
        )
        name = self._own_name
        own = () if name in known else (host_facts.this_machine(name, self.settings.state_home),)
        return (*own, *watched, *silent)

    def _fleet(self) -> Fleet | None:
        """What was told at `up`, and what this host's own timer says today."""
        fleet = sources.read_fleet(self.settings.hub_folder / "fleet-facts.json")
        deadline = sources.own_deadline(self.timer)
        if deadline is None:
            return fleet
        extensions = read_extensions(self.settings.hub_folder)
        left = times_left(timedelta(minutes=self.settings.extend_minutes), extensions)
        return replace(fleet or Fleet(), deadline=deadline, times_left=left, extensions=extensions)

    def _grading(self) -> Grading | None:
        if not self.settings.grade_on_submit:
            return None
        return sources.read_grading(self.settings.state_home / "course")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--settings", type=Path, required=True, help="the hub's settings.json")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    settings = HubSettings.model_validate_json(arguments.settings.read_bytes())
    hub = HubUsers(os.environ["JUPYTERHUB_API_URL"], os.environ["JUPYTERHUB_API_TOKEN"])
    gather(Gatherer(settings, hub), facts_file(settings.state_home))


def gather(gatherer: Gatherer, target: Path) -> None:
    """Look and write, for ever; one look that fails does not end the next."""
    watched = watched_file(desk_folder(gatherer.settings.state_home))
    while True:
        began = time.monotonic()
        try:
            write_facts(target, gatherer.look())
        except Exception:
            _LOG.exception("This look failed; the wall shows the one before, with its time")
        while time.monotonic() - began < _pause(watched):
            time.sleep(_NAP)


def _pause(watched: Path) -> float:
    try:
        is_watched = time.time() - watched.stat().st_mtime < _LATELY
    except OSError:
        is_watched = False
    return WATCHED_SECONDS if is_watched else UNWATCHED_SECONDS


if __name__ == "__main__":
    main()
