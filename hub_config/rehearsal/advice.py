"""What to change before people come, from what was measured. Pure; one rule per cause."""

from __future__ import annotations

from collections.abc import Iterator

from hub_config.rehearsal.outcome import Outcome
from hub_config.rehearsal.visits import CELL, FEEDBACK, LOGIN, SERVER

#: Above these shares something is the bottleneck.
BUSY, HUB_BUSY, MEMORY_LEFT = 0.85, 0.8, 0.1
#: A wait for feedback that people call long.
FEEDBACK_SECONDS = 180.0
#: A wait for a server that the start before the class would spare people.
SERVER_SECONDS = 10.0


def advice(found: Outcome) -> tuple[str, ...]:
    """In the order in which it helps most; empty when nothing needs to be changed."""
    return tuple([*_waiting(found), *_memory(found), *_hub(found), *_feedback(found)])


def _waiting(found: Outcome) -> Iterator[str]:
    times = {stage.stage: stage for stage in found.stages}
    waits = {stage: times[stage].p95 for stage in (LOGIN, SERVER, CELL) if stage in times}
    if waits.get(SERVER, 0.0) > SERVER_SECONDS and not found.setting.started_before:
        yield (
            f"Start everybody's server before people come: 5 in 100 waited longer than "
            f"{waits[SERVER]:.0f} s for theirs. `workshop up` does it, unless you say "
            "`--no-start-seats`. Rehearse that morning with `--start-seats`."
        )
    if found.in_time:
        return
    if found.load.busy > BUSY:
        yield (
            f"Take a larger type of machine, or fewer seats per host: its {found.load.cores} "
            f"cores were busy {found.load.busy:.0%} of the time."
        )
    if found.setting.over < found.setting.seats:
        yield (
            "Let people come over a longer time: open the doors a quarter of an hour earlier. "
            f"Rehearse that with `--over {max(60, 2 * found.setting.seats)}`."
        )


def _memory(found: Outcome) -> Iterator[str]:
    if found.load.least_free_share < MEMORY_LEFT:
        yield (
            f"Seat fewer people per host, or take a type with more memory: only "
            f"{found.load.least_free_share:.0%} of it was free."
        )


def _hub(found: Outcome) -> Iterator[str]:
    hub = found.load.program("hub")
    if hub is not None and hub.cores > HUB_BUSY:
        yield (
            f"Take a hub host with faster cores: JupyterHub alone used {hub.cores:.0%} of one, "
            "and it can't use a second one. More seats per minute than this make it late."
        )


def _feedback(found: Outcome) -> Iterator[str]:
    waited = next((each.p95 for each in found.stages if each.stage == FEEDBACK), 0.0)
    if waited > FEEDBACK_SECONDS:
        yield (
            f"Feedback took up to {waited / 60:.0f} minutes when everybody handed in at once: "
            "grade on more machines (`grading: {workers: hosts}`), or say that it takes a while."
        )
