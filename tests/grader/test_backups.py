"""Copies of the gradebook: one before each batch, and enough of older ones to go back to."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from grader.database import backup


def test_the_last_copies_stay_and_one_for_every_ten_minutes_before(mini):
    """When submissions are graded as they come in, a class makes hundreds of batches."""
    start = datetime(2026, 12, 1, 9, 0, tzinfo=UTC)
    for minutes in range(90):
        backup(mini.folder, start + timedelta(minutes=minutes))
    kept = sorted(each.name for each in mini.folder.backups.glob("gradebook-*.db"))
    every_ten = [f"gradebook-20261201T{9 + n // 6:02d}{n % 6}000000000.db" for n in range(7)]
    assert kept[:7] == every_ten
    assert len(kept) == 7 + 20
