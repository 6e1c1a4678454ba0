"""Ending, stopping and starting instances: written down, repeated safely, waited for."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from provisioning.errors import WorkshopError
from provisioning.journal import Journal
from provisioning.providers.ec2.calls import Calls
from provisioning.providers.ec2.errors import AwsError, NotThere, NotUpYet
from provisioning.providers.ec2.history import TERMINATE
from provisioning.providers.ec2.observe import Instance, View, look

#: AWS asks for at most this many in one call.
#: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_TerminateInstances.html
_BATCH = 50


@dataclass(frozen=True)
class Power:
    """The switch of one workshop's machines in one region."""

    calls: Calls
    journal: Journal
    workshop: str

    def terminate(self, ids: Iterable[str], *, why: str) -> None:
        """Order the end. From the answer on they cost nothing, but may hold things for a while."""
        for batch in _batches(ids):
            facts = {"ids": batch, "region": self.calls.region, "why": why}
            self.journal.write("intent", TERMINATE, **facts)
            self._send("terminate_instances", batch)
            self.journal.write("done", TERMINATE, **facts)

    def stop(self, ids: Iterable[str]) -> None:
        for batch in _batches(ids):
            facts = {"ids": batch, "region": self.calls.region}
            self.journal.write("intent", "ec2.stop", **facts)
            self._send("stop_instances", batch)
            self.journal.write("done", "ec2.stop", **facts)

    def start(self, ids: Iterable[str]) -> dict[str, WorkshopError]:
        """Start all; which ones AWS refused, and why. Others start nevertheless."""
        refused: dict[str, WorkshopError] = {}
        for batch in _batches(ids):
            self.journal.write("intent", "ec2.start", ids=batch, region=self.calls.region)
            refused |= self._start(batch)
            started = [one for one in batch if one not in refused]
            self.journal.write("done", "ec2.start", ids=started, region=self.calls.region)
        return refused

    def wait(self, ids: Iterable[str], ready: Callable[[Instance], bool], *, state: str) -> View:
        """Look at all of them together until each is `ready` (called `state`) or not listed.

        Raises: NotUpYet when the patience for booting is over, naming those that aren't.
        """
        waiting, pace = set(ids), self.calls.pace
        late: list[Instance] = []
        for _ in pace.tries(first=0.5, most=4, seconds=pace.boot_seconds):
            view = look(self.calls, self.workshop)
            late = [one for one in view.instances if one.id in waiting and not ready(one)]
            if not late:
                return view
        names = ", ".join(f"{one.place} ({one.id})" for one in late)
        raise NotUpYet(
            f"{names} didn't become {state} in {pace.boot_seconds:.0f} s; nothing else was changed",
            next_step="repeat the command: it goes on from here",
        )

    def _start(self, batch: list[str]) -> dict[str, WorkshopError]:
        """In one call; if that is refused, one by one, for it is all or nothing."""
        try:
            self._send("start_instances", batch)
        except AwsError as refusal:
            if len(batch) == 1:
                return {batch[0]: refusal}
        else:
            return {}
        refused = (self._start([one]) for one in batch)
        return {id_: why for each in refused for id_, why in each.items()}

    def _send(self, operation: str, ids: list[str]) -> None:
        """An instance made a moment ago may not be known yet."""
        for _ in self.calls.pace.tries(first=1, most=5, seconds=self.calls.pace.patience_seconds):
            try:
                self.calls.change(operation, InstanceIds=ids)
                return
            except NotThere as error:
                why = error
        raise why


def _batches(ids: Iterable[str]) -> list[list[str]]:
    found = sorted(ids)
    return [found[at : at + _BATCH] for at in range(0, len(found), _BATCH)]
