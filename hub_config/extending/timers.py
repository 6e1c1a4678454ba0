"""The timers at which hosts end themselves: this host's, and over its link any other's."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Final

from hub_config.fleet.host_script import run_there
from hub_config.fleet.links import command_on_host, link_files
from hub_config.settings import HubSettings
from provisioning.deadline_timer import MOVE_TIMER, TIMER_FILE, deadline_timer, timer_deadline
from provisioning.errors import WorkshopError

_SECONDS = 30.0
_AT_ONCE = 16
_NEW = "timer"
_HERE: Final = ("sh", "-c")


@dataclass(frozen=True)
class Timers:
    """Of one workshop. `timer` is the same path on every host."""

    settings: HubSettings
    timer: Path = Path(TIMER_FILE)

    def own(self) -> datetime | None:
        """When this host ends itself; None if it does not."""
        try:
            return timer_deadline(self.timer.read_text())
        except (OSError, UnicodeDecodeError):
            return None

    @property
    def others(self) -> tuple[str, ...]:
        return tuple(host.name for host in self.settings.seat_hosts)

    def move_own(self, deadline: datetime) -> None:
        """Raises StepFailed: then this host ends when it would have."""
        self._move(_HERE, deadline)

    def move_others(self, hosts: Iterable[str], deadline: datetime) -> dict[str, str]:
        """All at once; returns the hosts that keep their old time, each with the reason."""
        names = tuple(hosts)
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            said = pool.map(partial(self._try, deadline), names)
            return {name: why for name, why in zip(names, said, strict=True) if why}

    def _try(self, deadline: datetime, host: str) -> str:
        if self.settings.links is None or host not in self.others:
            return "this host has no link to it"
        try:
            self._move(command_on_host(host, link_files(self.settings)), deadline)
        except WorkshopError as error:
            return error.message
        return ""

    def _move(self, login: tuple[str, ...], deadline: datetime) -> None:
        place = f'timer={shlex.quote(str(self.timer))}\ninstall -m 0644 {_NEW} "$timer.new"\n'
        files = {_NEW: deadline_timer(deadline).encode()}
        run_there(login, files, place + MOVE_TIMER, seconds=_SECONDS)
