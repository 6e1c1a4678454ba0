"""A verb that is killed (-9) anywhere leaves nothing that the next command can't deal with.

The points are before and after every journal write, every API call and every file. Between two
reading calls nothing changes, so one kill stands for all points of a row of them. What a kill
left is followed up unless it is a twin of what an earlier one left: `up` again makes the fleet
complete without a duplicate; `down` ends everything, with the local state and without any.
WORKSHOP_MATRIX names a file for the table.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cloud.cloud import Cloud
from tests.cloud.settings import Settings
from tests.provisioning.providers.ec2.kill_trials import HEADER, MortalProcess, Tally, Trials
from tests.provisioning.providers.ec2.small_fleet import Verb
from tests.provisioning.providers.ec2.worlds import Worlds
from tests.thorough import one_in

#: `make matrices` tries all of it; every run of the tests a part, for the whole takes minutes.
EVERY = one_in(8)


@pytest.fixture
def trials(cloud: Cloud, tmp_path: Path) -> Iterator[Trials]:
    """An account that takes its time, as AWS does, and that doesn't show new hosts at first."""
    cloud.reset(
        Settings(
            regions=("us-east-1",),
            pending_seconds=1,
            shutting_down_seconds=2,
            visible_after_seconds=3,
        )
    )
    with MortalProcess({**os.environ, **cloud.environment()}) as process:
        yield Trials(cloud, process, Worlds(cloud, tmp_path), every=EVERY)


@pytest.mark.parametrize("verb", ["up", "replace", "down"])
def test_a_killed_verb_leaves_no_duplicate_and_no_leak(trials: Trials, verb: Verb) -> None:
    tally = trials.run(verb)

    _publish(tally)
    assert tally.problems == []
    assert (tally.duplicates, tally.leaks) == (0, 0)
    assert tally.remains > 10 // EVERY


def _publish(tally: Tally) -> None:
    print(f"\n{HEADER}\n{tally.row()}")
    if file := os.environ.get("WORKSHOP_MATRIX"):
        with Path(file).open("a", encoding="utf-8") as table:
            table.write(f"{HEADER}\n{tally.row()}\n")
