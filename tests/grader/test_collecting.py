"""Submissions come through nbgrader's exchange interface, each exactly once and whole."""

from __future__ import annotations

import shutil
from pathlib import Path

import nbformat
import pytest

from grader.collecting import collect
from grader.errors import StepFailed


@pytest.fixture
def inbound(released):
    """Where nbgrader's own exchange keeps submissions: NAME+LAB+TIME+RANDOM."""
    return Path(released.settings.exchange.options["Exchange"]["root"]) / "mini/inbound"


@pytest.fixture
def hand_in(released, inbound):
    """What `nbgrader submit` leaves in the exchange."""

    def submit(attendee: str, time: str, answers: dict[str, str]) -> Path:
        place = inbound / f"{attendee}+sums+{time} UTC+random"
        shutil.copytree(released.folder.released("sums"), place)
        notebook = released.released_notebook()
        for cell in notebook.cells:
            name = cell.metadata.get("nbgrader", {}).get("grade_id")
            cell.source = answers.get(name, cell.source)
        nbformat.write(notebook, place / "sums.ipynb")
        (place / "timestamp.txt").write_text(f"{time} UTC")
        (place / "submission_secret.txt").write_text(f"secret {attendee} {time}")
        return place

    return submit


def test_the_newest_submission_of_each_is_graded_and_feedback_goes_back(
    released, hand_in, inbound, answers
):
    hand_in("ada", "2026-12-01 10:00:00", {})
    hand_in("ada", "2026-12-01 11:00:00", answers)
    hand_in("grace", "2026-12-01 10:30:00", {})
    done = released.grade()
    assert (done.judged, done.feedback_sent, done.troubles) == (2, 2, ())
    assert sum(released.scores()["ada"].values()) == 10
    assert len(list((inbound.parent / "feedback").glob("*.html"))) == 2
    assert released.grade().judged == 0
    hand_in("grace", "2026-12-01 12:00:00", answers)
    assert released.grade().judged == 1
    assert sum(released.scores()["grace"].values()) == 10


def test_a_collect_killed_halfway_is_done_again(released, hand_in, answers):
    """nbgrader takes a half copied submission for a whole one; we know what lay there before."""
    hand_in("ada", "2026-12-01 10:00:00", answers)
    hand_in("grace", "2026-12-01 10:00:00", answers)
    place = released.workplace()
    collect(place.nbgrader, "sums")
    note = released.folder.collecting_record("sums")
    assert not note.exists()
    # As it was when a kill came: grace's copy has its time already, but not yet its notebook.
    half = released.folder.submitted("grace", "sums")
    (half / "sums.ipynb").unlink()
    whole = released.folder.submitted("ada", "sums")
    from grader import durable
    from grader.records import write_record

    write_record(note, ada=durable.folder_digest(whole))
    assert released.grade().queue == ()
    assert sum(released.scores()["grace"].values()) == 10
    assert (released.folder.interrupted / "sums/grace.1/timestamp.txt").is_file()
    assert not (released.folder.interrupted / "sums/ada.1").exists()


def test_without_an_exchange_it_says_so(released, inbound):
    shutil.rmtree(inbound)
    with pytest.raises(StepFailed, match="Collect of sums through the exchange"):
        released.grade()


def test_what_was_collected_is_graded_although_the_exchange_is_gone(released, inbound, answers):
    released.submit_answers("ada", answers)
    shutil.rmtree(inbound)
    done = released.grade()
    assert done.judged == 1
    assert "through the exchange" in done.troubles[0]
