"""What the hub's host does when seats move: servers end, the map and the links change, servers
start again. The homes are moved by hub_config/fleet/moving.py, which calls these in its order.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass

from hub_config.fleet.reseating import move_to
from hub_config.hub_api import HubApi
from hub_config.settings import HubSettings, Secrets
from hub_config.supervisor import Supervisor

#: How long the hub may take to let go of the servers of a dead host.
STOP_SECONDS = 60.0


@dataclass(frozen=True)
class HubSide:
    """One running hub: its API, its supervisor, its settings."""

    settings: HubSettings
    api: HubApi
    supervisor: Supervisor

    def stop_servers(self, usernames: Iterable[str]) -> None:
        """The hub lets go of these servers, so that nobody is led to one that is lost."""
        names = set(usernames)
        for name in names:
            self.api.stop_server(name)
        deadline = time.monotonic() + STOP_SECONDS
        while time.monotonic() < deadline:
            there = {each.username: each for each in self.api.servers() if each.username in names}
            if not any(each.running or each.pending for each in there.values()):
                return
            time.sleep(0.3)

    def place(self, dead: str, spare: str) -> None:
        """From now on the seats of `dead` belong on `spare`, and the proxy reaches them there."""
        move_to(self.settings, self.supervisor.restart, dead, spare)

    def start_servers(self, usernames: Iterable[str]) -> None:
        """Ask for them; they start in turn, and nobody waits here."""
        for name in usernames:
            self.api.start_server(name)


def hub_side(settings: HubSettings) -> HubSide:
    """Of the hub that these settings belong to; run on its host, as root."""
    secrets = Secrets.model_validate_json(settings.secrets_file.read_text())
    return HubSide(
        settings,
        HubApi(f"http://127.0.0.1:{settings.ports.hub}", secrets.workshop),
        Supervisor(
            settings.hub_python, settings.hub_folder / "supervisord.conf", settings.state_home
        ),
    )
