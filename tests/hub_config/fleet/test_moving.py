"""Seats of a lost host go on elsewhere: homes first, and one home that fails holds up nobody."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from hub_config.backup.copying import CopyOrder
from hub_config.backup.errors import CopyFailed, HostSilent
from hub_config.backup.restoring import Restored
from hub_config.fleet.moves import Move, read_moves
from hub_config.fleet.moving import move_host
from hub_config.settings import HubSettings
from tests.hub_config.backup.fleet_settings import write_settings

COPIED = datetime(2026, 12, 1, 10, 40, tzinfo=UTC)


class Hub:
    """The hub's own side, which writes down what it is asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def stop_servers(self, usernames: Iterable[str]) -> None:
        self.asked.append(f"stop {' '.join(usernames)}")

    def place(self, dead: str, spare: str) -> None:
        self.asked.append(f"place {dead} {spare}")

    def start_servers(self, usernames: Iterable[str]) -> None:
        self.asked.append(f"start {' '.join(usernames)}")


@pytest.fixture
def settings(tmp_path: Path) -> HubSettings:
    return write_settings(tmp_path, {"ada": "gpu-01", "bob": "gpu-01", "eve": "gpu-02"})


def test_homes_come_before_the_map_and_servers_last(settings: HubSettings) -> None:
    hub = Hub()

    def restore(order: CopyOrder) -> Restored:
        hub.asked.append(f"bring {order.home.host}")
        return Restored("restored", COPIED)

    move_host(hub, settings, "gpu-01", "spare-01", restore=restore)
    assert hub.asked == [
        "stop ada bob",
        "bring spare-01",
        "bring spare-01",
        "place gpu-01 spare-01",
        "start ada bob",
    ]
    moves = read_moves(settings.hub_folder)
    assert moves.of("eve") is None
    ada = moves.of("ada")
    assert ada is not None
    assert (ada.state, ada.lost, ada.to, ada.copy_at) == ("moved", "gpu-01", "spare-01", COPIED)
    assert ada.done_at is not None


def test_while_homes_are_brought_pages_can_say_so(settings: HubSettings) -> None:
    seen: list[Move | None] = []

    def restore(order: CopyOrder) -> Restored:
        seen.append(read_moves(settings.hub_folder).of(order.home.username))
        return Restored("restored", COPIED)

    move_host(Hub(), settings, "gpu-01", "spare-01", restore=restore)
    assert [each.state for each in seen if each] == ["restoring", "restoring"]


def test_a_home_that_can_not_be_brought_is_told_and_its_server_is_not_started(
    settings: HubSettings,
) -> None:
    hub = Hub()

    def restore(order: CopyOrder) -> Restored:
        if order.home.username == "ada":
            raise CopyFailed("no room on spare-01")
        return Restored("restored", COPIED)

    move_host(hub, settings, "gpu-01", "spare-01", restore=restore)
    assert hub.asked[-1] == "start bob"
    ada = read_moves(settings.hub_folder).of("ada")
    assert ada is not None
    assert (ada.state, ada.problem) == ("failed", "no room on spare-01")


def test_when_the_spare_is_silent_nobody_moves_and_another_try_goes_on(
    settings: HubSettings,
) -> None:
    hub = Hub()

    def silent(order: CopyOrder) -> Restored:
        raise HostSilent("spare-01 does not answer")

    with pytest.raises(CopyFailed, match="copies are untouched"):
        move_host(hub, settings, "gpu-01", "spare-01", restore=silent)
    assert not any(each.startswith(("place", "start")) for each in hub.asked)
    first = read_moves(settings.hub_folder).of("ada")
    move_host(hub, settings, "gpu-01", "spare-01", restore=lambda order: Restored("there", COPIED))
    again = read_moves(settings.hub_folder).of("ada")
    assert first is not None
    assert again is not None
    assert (again.state, again.noticed_at) == ("moved", first.noticed_at)
