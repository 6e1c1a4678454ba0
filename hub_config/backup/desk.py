"""Everything that copying needs, made from the hub's settings: whose homes, where, how reached."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from hub_config.backup.copying import CopyOrder
from hub_config.backup.listing import Limits
from hub_config.backup.seat_home import SeatHome
from hub_config.backup.snapshots import Shelf
from hub_config.fleet.host_facts import is_lost
from hub_config.fleet.links import command_on_host, link_files
from hub_config.fleet.placement import hosts_file, read_seat_map
from hub_config.fleet.seat_map import HUB, Placement
from hub_config.install import Owner
from hub_config.settings import HubSettings
from hub_config.usernames import ROBOT


@dataclass(frozen=True)
class BackupDesk:
    """As the settings and the seat map are now; make another when they have changed."""

    settings: HubSettings

    @classmethod
    def open(cls, settings_file: Path) -> BackupDesk:
        return cls(HubSettings.model_validate_json(settings_file.read_text()))

    @cached_property
    def away(self) -> tuple[Placement, ...]:
        """People's seats on other hosts; those on the hub's own host are on this disk already."""
        if self.settings.seat_map is None:
            return ()
        known = {host.name for host in self.settings.seat_hosts}
        seats = read_seat_map(self.settings.seat_map).placements
        people = (seat for seat in seats if not ROBOT.fullmatch(seat.username))
        return tuple(seat for seat in people if seat.host != HUB and seat.host in known)

    def placement(self, username: str) -> Placement | None:
        return next((seat for seat in self.away if seat.username == username), None)

    def shelf(self, username: str) -> Shelf:
        return Shelf(self.settings.state_home / "backups", username)

    def home(self, seat: Placement, host: str | None = None) -> SeatHome:
        """The seat's home on its host, or on another one."""
        host = host or seat.host
        user = next(each.user for each in self.settings.seat_hosts if each.name == host)
        return SeatHome(
            username=seat.username,
            account=Owner(seat.uid, seat.uid),
            host=host,
            homes=self.settings.homes,
            ssh=command_on_host(host, link_files(self.settings)),
            user=user,
        )

    def order(self, seat: Placement, seconds: float, host: str | None = None) -> CopyOrder:
        """To copy the seat's home, or to bring it to its host or another one."""
        limits = Limits(self.settings.backup.home_bytes)
        return CopyOrder(self.home(seat, host), self.shelf(seat.username), limits, seconds)

    def lost(self, host: str) -> bool:
        """Whether the watch has given the host up."""
        return is_lost(hosts_file(self.settings), host)
