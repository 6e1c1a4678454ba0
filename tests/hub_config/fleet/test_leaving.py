"""A machine that still answers is replaced: its seats end and are copied, and wait for the next."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from hub_config.backup.at_start import LEAVING, note_home
from hub_config.backup.errors import CopyFailed
from hub_config.backup.restoring import Restored
from hub_config.fleet.moves import Move, change_moves, read_moves
from hub_config.fleet.moving import leave_host
from hub_config.fleet.placement import read_seat_map
from hub_config.fleet.seat_map import Placement
from hub_config.settings import HubSettings
from tests.hub_config.backup.fleet_settings import write_settings
from tests.hub_config.fleet.test_moving import Hub

COPIED = datetime(2026, 12, 1, 10, 40, tzinfo=UTC)


@pytest.fixture
def settings(tmp_path: Path) -> HubSettings:
    return write_settings(tmp_path, {"ada": "gpu-01", "eve": "gpu-02"})


@pytest.fixture
def hub(settings: HubSettings) -> Hub:
    """Which has left gpu-01."""
    hub = Hub()

    def copy(desk: object, seats: tuple[Placement, ...]) -> dict[str, str]:
        hub.asked.append(f"copy {' '.join(seat.username for seat in seats)}")
        return {}

    assert leave_host(hub, settings, "gpu-01", copy=copy) == {}
    return hub


def ada(settings: HubSettings) -> Placement:
    place = read_seat_map(settings.seat_map).of("ada")
    assert place is not None
    return place


def move(settings: HubSettings) -> Move | None:
    return read_moves(settings.hub_folder).of("ada")


def test_servers_end_before_homes_are_copied_and_pages_say_so(
    settings: HubSettings, hub: Hub
) -> None:
    assert hub.asked == ["stop ada", "copy ada"]
    left = move(settings)
    assert left is not None
    assert (left.state, left.lost, left.to) == ("restoring", "gpu-01", "gpu-01")
    assert read_moves(settings.hub_folder).of("eve") is None


def test_on_the_next_machine_the_attendee_reads_what_happened(
    settings: HubSettings, hub: Hub
) -> None:
    left = move(settings)
    note_home(settings, ada(settings), Restored("restored", COPIED), of_a_copy=True)
    done = move(settings)
    assert left is not None
    assert done is not None
    assert (done.state, done.copy_at, done.noticed_at) == ("moved", COPIED, left.noticed_at)


def test_a_seat_that_was_never_copied_does_not_wait_for_ever(
    settings: HubSettings, hub: Hub
) -> None:
    note_home(settings, ada(settings), Restored("nothing"), of_a_copy=False)
    done = move(settings)
    assert done is not None
    assert (done.state, done.copy_at) == ("moved", None)


def test_nobody_begins_to_work_on_a_machine_that_is_about_to_end(
    settings: HubSettings, hub: Hub
) -> None:
    with pytest.raises(CopyFailed, match="about to be replaced"):
        note_home(settings, ada(settings), Restored("there", COPIED), of_a_copy=True)


def test_if_the_machine_is_not_ended_after_all_its_seats_go_on_there(
    settings: HubSettings, hub: Hub
) -> None:
    def long_ago(moves):
        left = moves.of("ada")
        return moves.with_moves([replace(left, noticed_at=left.noticed_at - LEAVING)])

    change_moves(settings.hub_folder, long_ago)
    note_home(settings, ada(settings), Restored("there", COPIED), of_a_copy=True)
    assert move(settings) is None


def test_a_seat_that_stays_where_it_is_reads_nothing(settings: HubSettings) -> None:
    note_home(settings, ada(settings), Restored("there", COPIED), of_a_copy=True)
    assert move(settings) is None
