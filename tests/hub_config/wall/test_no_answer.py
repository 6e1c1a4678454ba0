"""What people read while a seat or the hub does not answer."""

from __future__ import annotations

from pathlib import Path

import pytest

from hub_config.settings import BackupSettings, SeatHostSettings
from hub_config.wall.config import wall_config
from hub_config.wall.no_answer import no_answer, wants_a_page
from hub_config.wall.render import small_page
from tests.hub_config.fleet.linked_hosts import hub_settings

A_HOST = SeatHostSettings(name="gpu-01", address="192.0.2.1", host_key="ssh-ed25519 AAAA")


def words(url: str, copy_minutes: float | None) -> str:
    page = small_page("no_answer.html", told=no_answer(url, copy_minutes), seconds=5)
    return " ".join(page.split())


def test_on_other_machines_the_page_says_what_becomes_of_the_seat() -> None:
    page = words("https://hub/user/ada/lab", 7.5)
    assert "Your seat does not answer" in page
    assert "that is done every 7.5 minutes" in page
    assert "it is kept on another machine" in page


def test_on_the_hubs_own_machine_it_speaks_of_no_other() -> None:
    page = words("https://hub/user/ada/lab", None)
    assert "Your seat does not answer" in page
    assert "another machine" not in page


@pytest.mark.parametrize("url", ["https://hub/hub/home", "", "http://[x/user/ada", "<script>"])
def test_any_other_address_is_the_workshop_and_no_address_is_shown(url: str) -> None:
    page = words(url, 5)
    assert "The workshop does not answer" in page
    assert "<script>" not in page


@pytest.mark.parametrize(
    ("accept", "page"),
    [("text/html,*/*;q=0.8", True), ("", True), ("*/*", False), ("application/json", False)],
)
def test_people_get_a_page_and_programs_do_not(accept: str, page: bool) -> None:
    assert wants_a_page(accept) is page


def test_the_service_knows_how_often_homes_are_copied(tmp_path: Path) -> None:
    told = hub_settings(tmp_path, [], backup=BackupSettings(minutes=3))
    assert wall_config(told)["copy_minutes"] is None
    with_hosts = told.model_copy(update={"seat_hosts": (A_HOST,)})
    assert wall_config(with_hosts)["copy_minutes"] == 3
