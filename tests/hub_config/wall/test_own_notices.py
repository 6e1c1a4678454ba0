"""What one attendee is told, and nobody else."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from hub_config.wall.copies import copies_now
from hub_config.wall.facts import Copies, Facts, Moved
from hub_config.wall.own_notices import own_notices

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
COPY = NOW - timedelta(minutes=6)
DONE = NOW - timedelta(minutes=2)


def moved(copy_at: datetime | None = COPY, done_at: datetime | None = DONE) -> Facts:
    return Facts(NOW, "day", 60, moves=(Moved("ada", "gpu-1", "gpu-2", "moved", copy_at, done_at),))


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        (moved(), "Your files are as they were 4 min before"),
        (moved(copy_at=None), "There was no copy of your files"),
    ],
)
def test_who_had_to_move_reads_how_old_her_files_are(facts: Facts, words: str) -> None:
    (said,) = own_notices(facts, "ada", NOW)
    assert words in said.text
    assert "what you had submitted is safe" in said.text
    assert own_notices(facts, "bob", NOW) == ()


def test_a_move_is_news_for_half_an_hour_and_not_before_it_is_done() -> None:
    assert own_notices(moved(), "ada", DONE + timedelta(minutes=31)) == ()
    assert own_notices(moved(done_at=None), "ada", NOW) == ()
    assert own_notices(None, "ada", NOW) == ()


def test_who_has_too_many_files_reads_which_are_not_kept_twice() -> None:
    copies = Copies("ada", NOW, over_quota=True, left_out=("data/big.bin",))
    facts = Facts(NOW, "day", 60, copies=(copies, Copies("bob", NOW)))
    (said,) = own_notices(facts, "ada", NOW)
    assert "data/big.bin" in said.text
    assert own_notices(facts, "bob", NOW) == ()


def test_the_wall_says_how_old_the_oldest_copy_is() -> None:
    facts = Facts(NOW, "day", 60)
    assert copies_now(facts, NOW) == ""
    facts = replace(facts, copies=(Copies("ada", COPY, over_quota=True), Copies("bob", DONE)))
    said = copies_now(facts, NOW)
    assert (
        said == "Work is copied; the oldest copy is 6 min old, 1 with more files than are copied."
    )
    facts = replace(facts, copies=(Copies("ada", None),))
    assert copies_now(facts, NOW) == "No work has been copied yet."
