"""Whatever AWS does at whichever call: a verb finds another way, or says one thing that helps.

Every fault of the cloud meets every kind of call of `up`, `replace` and `down`. The outcome is
success, or one message with a next step; never another exception. When the fault is over, `up`
completes the fleet without a duplicate and `down` leaves nothing. WORKSHOP_MATRIX names a file
for the table.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.cloud.cloud import Cloud
from tests.cloud.settings import Settings
from tests.provisioning.providers.ec2.fault_trials import HEADER, FaultTrials, Tally
from tests.provisioning.providers.ec2.small_fleet import Verb
from tests.provisioning.providers.ec2.worlds import Worlds
from tests.thorough import one_in

#: `make matrices` tries all of it; every run of the tests a part, for the whole takes minutes.
EVERY = one_in(8)


@pytest.fixture
def trials(cloud: Cloud, tmp_path: Path) -> FaultTrials:
    """An account that takes its time, as AWS does, and that doesn't show new hosts at first."""
    cloud.reset(
        Settings(
            regions=("us-east-1",),
            pending_seconds=1,
            shutting_down_seconds=2,
            visible_after_seconds=3,
        )
    )
    return FaultTrials(cloud, Worlds(cloud, tmp_path), every=EVERY)


@pytest.mark.parametrize("verb", ["up", "replace", "down"])
def test_a_fault_ends_in_success_or_in_one_message(trials: FaultTrials, verb: Verb) -> None:
    tally = trials.run(verb)

    _publish(tally)
    assert tally.problems == []
    assert tally.leaks == 0
    assert tally.trials > 30 // EVERY


def _publish(tally: Tally) -> None:
    lines = [HEADER, tally.row(), *(f"    {k}: {v}" for k, v in tally.messages.items())]
    print("\n" + "\n".join(lines))
    if file := os.environ.get("WORKSHOP_MATRIX"):
        with Path(file).open("a", encoding="utf-8") as table:
            table.write("\n".join(lines[:2]) + "\n")
