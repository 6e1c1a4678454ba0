"""An attendee reads in words what happened to her seat, and the hub's pages show it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import jinja2
import pytest

import hub_config
from hub_config.backup.facts import BackupFacts, SeatCopies, write_backup_facts
from hub_config.backup.seat_news import News, seat_news
from hub_config.fleet.host_facts import FleetFacts, HostFacts, State, write_facts
from hub_config.fleet.moves import Move, change_moves
from hub_config.fleet.moves import State as MoveState
from hub_config.fleet.placement import hosts_file
from hub_config.settings import HubSettings
from tests.hub_config.backup.fleet_settings import write_settings

TEMPLATES = Path(hub_config.__file__).parent / "templates" / "hub"
NOTICED = datetime(2026, 12, 1, 10, 42, tzinfo=UTC)
COPIED = datetime(2026, 12, 1, 10, 40, tzinfo=UTC)
NOW = datetime(2026, 12, 1, 10, 50, tzinfo=UTC)


@pytest.fixture
def settings(tmp_path: Path) -> HubSettings:
    return write_settings(tmp_path, {"ada": "gpu-01"})


@pytest.fixture
def news(settings: HubSettings) -> Callable[[str], News | None]:
    return seat_news(settings, lambda: NOW)


def moved(settings: HubSettings, state: MoveState, *, copied: datetime | None = COPIED) -> None:
    done = NOW if state == "moved" else None
    move = Move("ada", "gpu-01", "spare-01", NOTICED, state, copied, done)
    change_moves(settings.hub_folder, lambda moves: moves.with_moves([move]))


def host_is(settings: HubSettings, state: State) -> None:
    facts = FleetFacts(NOW, (HostFacts("gpu-01", state, NOTICED, ("ada",)),))
    write_facts(hosts_file(settings), facts)


def shown(news: News | None) -> str:
    """The page's words, as a browser without scripts has them."""
    page = jinja2.Environment(loader=jinja2.FileSystemLoader(TEMPLATES), autoescape=True)
    html = page.get_template("seat_news.html").render(
        seat_news=lambda username: news, user={"name": "ada"}
    )
    return " ".join(html.split())


def test_when_all_is_well_nothing_is_said(settings, news) -> None:
    host_is(settings, "well")
    assert news("ada") is None
    assert shown(None) == ""


def test_a_lost_host_is_named_with_the_time_of_the_last_copy_and_what_is_safe(
    settings, news
) -> None:
    host_is(settings, "dead")
    copies = SeatCopies(host="gpu-01", at=COPIED)
    write_backup_facts(
        settings.hub_folder, BackupFacts(at=NOW, every_minutes=5, seats={"ada": copies})
    )
    page = shown(news("ada"))
    assert "gpu-01 does not answer since" in page
    assert ">10:42 UTC<" in page
    assert ">10:40 UTC<" in page
    assert "handed in is safe" in page
    assert "You need do nothing" in page
    assert 'data-waiting="yes"' in page


def test_while_a_seat_moves_the_page_waits_and_afterwards_says_what_to_do(settings, news) -> None:
    moved(settings, "restoring")
    assert "JupyterLab opens here when your seat is ready" in shown(news("ada"))
    moved(settings, "moved")
    page = shown(news("ada"))
    assert "as it was at <time" in page
    assert "run its cells again" in page
    assert 'data-waiting="no"' in page
    assert seat_news(settings, lambda: NOW + timedelta(hours=2))("ada") is None


def test_without_any_copy_nobody_is_promised_one(settings, news) -> None:
    moved(settings, "moved", copied=None)
    assert "begin with an empty home" in shown(news("ada"))


def test_work_that_could_not_be_brought_is_for_the_instructor(settings, news) -> None:
    moved(settings, "failed")
    assert "tell the instructor before you go on" in shown(news("ada"))


def test_files_that_are_not_copied_are_named_and_can_not_break_the_page(settings, news) -> None:
    copies = SeatCopies(
        host="gpu-01",
        at=COPIED,
        over_quota=True,
        left_out_files=2,
        left_out_bytes=3 * 10**9,
        largest_left_out=("<script>{0}", "model.params"),
    )
    write_backup_facts(
        settings.hub_folder, BackupFacts(at=NOW, every_minutes=5, seats={"ada": copies})
    )
    page = shown(news("ada"))
    assert "3000 MB" in page
    assert "&lt;script&gt;" in page
    assert "model.params" in page
