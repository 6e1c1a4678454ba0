"""Calls for help, messages to all seats, and when somebody was last seen."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from hub_config.wall.errors import NotNow
from hub_config.wall.help_desk import HelpDesk
from hub_config.wall.messages import Messages
from hub_config.wall.plain import plain_line
from hub_config.wall.presence import Presence

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)


def later(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def test_who_asked_first_stands_first_and_keeps_the_place_when_asking_again(
    tmp_path: Path,
) -> None:
    desk = HelpDesk(tmp_path / "help.json")
    desk.ask("ada", "", NOW)
    desk.ask("bob", "", later(5))
    desk.ask("ada", "loss is nan", later(60))
    assert [(call.username, call.about) for call in desk.calls] == [
        ("ada", "loss is nan"),
        ("bob", ""),
    ]


def test_a_call_is_taken_back_by_its_owner_or_done_by_staff(tmp_path: Path) -> None:
    desk = HelpDesk(tmp_path / "help.json")
    desk.ask("ada", "", NOW)
    desk.ask("bob", "", NOW)
    desk.take_back("ada", later(2))
    desk.done("bob")
    desk.done("bob")
    assert desk.calls == ()


def test_calls_of_another_day_are_forgotten(tmp_path: Path) -> None:
    desk = HelpDesk(tmp_path / "help.json")
    desk.ask("ada", "", NOW)
    desk.ask("bob", "", later(3600))
    desk.forget(before=later(1800))
    assert [call.username for call in desk.calls] == ["bob"]


def test_a_restart_forgets_no_call_and_no_message(tmp_path: Path) -> None:
    HelpDesk(tmp_path / "help.json").ask("ada", "", NOW)
    Messages(tmp_path / "messages.json").say("Coffee", 10, "grace", NOW)
    assert [call.username for call in HelpDesk(tmp_path / "help.json").calls] == ["ada"]
    (message,) = Messages(tmp_path / "messages.json").standing(NOW)
    assert (message.text, message.by) == ("Coffee", "grace")


def test_a_file_that_can_not_be_read_is_kept_aside(tmp_path: Path) -> None:
    file = tmp_path / "help.json"
    file.write_text("{")
    desk = HelpDesk(file)
    desk.ask("ada", "", NOW)
    assert desk.calls[0].username == "ada"
    assert file.with_suffix(".unreadable").read_text() == "{"


def test_a_program_that_asks_without_end_is_slowed_down(tmp_path: Path) -> None:
    desk = HelpDesk(tmp_path / "help.json")
    desk.ask("ada", "", NOW)
    with pytest.raises(NotNow):
        desk.take_back("ada", later(0.5))
    desk.ask("bob", "", later(0.5))
    assert len(desk.calls) == 2


def test_messages_stand_for_their_time_or_until_taken_back(tmp_path: Path) -> None:
    messages = Messages(tmp_path / "messages.json")
    messages.say("short", 10, "grace", NOW)
    messages.say("long", 30, "grace", NOW)
    # A time that the form doesn't offer counts as the shortest.
    messages.say("odd", 100_000, "grace", NOW)
    assert [each.text for each in messages.standing(later(11 * 60))] == ["long"]
    messages.take_back(messages.standing(NOW)[0].id, NOW)
    assert [each.text for each in messages.standing(NOW)] == ["long", "odd"]


def test_an_empty_message_and_a_fourth_one_are_refused_in_words(tmp_path: Path) -> None:
    messages = Messages(tmp_path / "messages.json")
    with pytest.raises(NotNow, match="empty"):
        messages.say(" \n\u200b ", 10, "grace", NOW)
    for number in range(3):
        messages.say(str(number), 10, "grace", NOW)
    with pytest.raises(NotNow, match="3 messages stand already"):
        messages.say("one more", 10, "grace", NOW)
    messages.say("later", 10, "grace", later(11 * 60))


@pytest.mark.parametrize(
    ("typed", "line"),
    [
        ("  two\nlines\t here ", "two lines here"),
        ("\u202eevil\u202c", "evil"),
        ("a\x00b\x1b[31m", "a b [31m"),
        ("x" * 300, "x" * 139 + "…"),
        ("naïve 日本 👩\u200d🏫", "naïve 日本 👩\u200d🏫"),
    ],
)
def test_what_people_type_becomes_one_line_that_shows_nothing_hidden(typed: str, line: str) -> None:
    assert plain_line(typed, 140) == line


def test_a_browser_moves_the_last_sight_forward_only_and_never_beyond_now() -> None:
    presence = Presence()
    presence.tell("ada", 10, NOW)
    presence.tell("ada", 500, NOW)
    assert presence.seen["ada"] == later(-10)
    presence.tell("ada", -1000, later(60))
    assert presence.seen["ada"] == later(60)
