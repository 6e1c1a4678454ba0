"""Which worker host gets which order: those on which the lab's canary lives, and no lost ones.

Dask spreads the orders, takes back those of a host that is lost, and gives them to another one.
What is kept here is what Dask does not know: where a lab was proved. A worker that was started
anew is a new one, so the canary goes first there again.
"""

from __future__ import annotations

import asyncio
import json
import uuid
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from grader.scheduling import tasks

#: How long a lab's first orders wait for all hosts to be proved, so that all get their share.
_TOGETHER_SECONDS = 20.0
_LOOK_SECONDS = 1.0
#: An order that outlived so many hosts may be what ends them.
_MOST_LOSSES = 3
#: Labs kept in memory; one that was forgotten is told again.
_MOST_LABS = 40


class NotPossible(Exception):
    """No worker host can judge now, and why."""


class _HostLost(Exception):
    """Every host that could have run an order is gone."""


@dataclass
class _Lab:
    text: str
    limits: str
    #: When its first order came.
    opened: float | None = None
    #: By worker: the canary's findings there, once they are known.
    proofs: dict[str, asyncio.Task[list[str]]] = field(default_factory=dict)


class Placing:
    """Places orders by way of a Dask client, with an eye on the scheduler in this process."""

    def __init__(self, client: Any, scheduler: Any, patience: float) -> None:
        """`patience`: seconds that an order waits for a first worker."""
        self._client = client
        self._scheduler = scheduler
        self._patience = patience
        self._labs: dict[str, _Lab] = {}
        #: Submissions by the host that ran them, since this process began.
        self.judged: Counter[str] = Counter()

    def hosts(self) -> dict[str, int]:
        """The connected workers' names, and how many orders each runs at once."""
        return {str(each.name): int(each.nthreads) for each in self._scheduler.workers.values()}

    def knows(self, lab: str) -> bool:
        return lab in self._labs

    def learn(self, lab: str, text: str, limits: str) -> None:
        """From now on orders may name this lab; it is proved where they come to run."""
        self._labs.setdefault(lab, _Lab(text, limits))
        while len(self._labs) > _MOST_LABS:
            del self._labs[next(iter(self._labs))]

    async def judge(self, lab: str, order: str) -> str:
        """The answer to an order, from a host on which the lab's canary lives."""
        for _loss in range(_MOST_LOSSES):
            fit = await self._fit(self._labs[lab])
            try:
                return await self._on(fit, tasks.judge, order)
            except _HostLost:
                continue
        raise NotPossible(f"{_MOST_LOSSES} hosts were lost while they ran it")

    async def try_out(self, lab_text: str, order: str) -> str:
        """The answer to an order that counts for nobody, from any host."""
        await self._somebody()
        return await self._on(self._workers(), tasks.try_out, lab_text, order)

    async def _on(self, workers: dict[str, str], task: Any, *told: str) -> str:
        """What one of these workers says. Raises _HostLost when the last of them is gone."""
        key = f"{task.__name__}-{uuid.uuid4()}"
        future = self._client.submit(
            task,
            *told,
            key=key,
            pure=False,
            workers=list(workers.values()),
            allow_other_workers=False,
        )
        result = asyncio.ensure_future(future.result())
        try:
            while not result.done():
                await asyncio.wait({result}, timeout=_LOOK_SECONDS)
                if not result.done() and not workers.keys() & self._workers().keys():
                    raise _HostLost
            said = await result
            if task is tasks.judge:
                self.judged.update(self._holders_of(key))
        finally:
            result.cancel()
            future.release()
        if not isinstance(said, str):
            raise NotPossible("a worker's answer is no text")
        return said

    async def _fit(self, lab: _Lab) -> dict[str, str]:
        """The workers on which this lab's canary lives. Waits for the first one."""
        now = asyncio.get_running_loop().time
        lab.opened = lab.opened or now()
        while True:
            await self._somebody()
            there = self._workers()
            self._prove_where_new(lab, there)
            done = {name: each.result() for name, each in lab.proofs.items() if each.done()}
            good = {name: there[name] for name, found in done.items() if not found}
            if len(done) == len(lab.proofs) and not good:
                lab.proofs.clear()  # the next order tries again
                raise NotPossible("; ".join(_first(done.values())))
            together = len(done) == len(lab.proofs) or now() > lab.opened + _TOGETHER_SECONDS
            if good and together:
                return good
            waiting = [each for each in lab.proofs.values() if not each.done()]
            await asyncio.wait(waiting, timeout=_LOOK_SECONDS)

    def _prove_where_new(self, lab: _Lab, there: dict[str, str]) -> None:
        for lost in lab.proofs.keys() - there.keys():
            lab.proofs.pop(lost)  # it ends by itself
        for worker in there.keys() - lab.proofs.keys():
            lab.proofs[worker] = asyncio.ensure_future(self._prove(lab, worker))

    async def _prove(self, lab: _Lab, worker: str) -> list[str]:
        """What is wrong with a lab on one worker; empty when its canary lives there."""
        there = self._workers()
        try:
            only = {worker: there[worker]}
            findings = json.loads(await self._on(only, tasks.learn, lab.text, lab.limits))
            name = self._name_of(worker)
        except (_HostLost, KeyError):
            return ["a host was lost"]
        except Exception as error:  # of the worker's own
            findings, name = [f"{type(error).__name__}: {error}"[:300]], self._name_of(worker)
        return [f"{name}: {finding}" for finding in findings]

    async def _somebody(self) -> None:
        """Wait for a first worker."""
        left = self._patience
        while not self._scheduler.workers:
            if left <= 0:
                raise NotPossible("no worker host is connected")
            await asyncio.sleep(min(_LOOK_SECONDS, left))
            left -= _LOOK_SECONDS

    def _workers(self) -> dict[str, str]:
        """Addresses by an identity that a worker which was started anew does not share."""
        return {each.server_id: each.address for each in self._scheduler.workers.values()}

    def _holders_of(self, key: str) -> list[str]:
        """The worker that has an answer: the one that gave it."""
        found = self._scheduler.tasks.get(key)
        return [str(each.name) for each in (found.who_has or ())] if found else []

    def _name_of(self, worker: str) -> str:
        found = (each.name for each in self._scheduler.workers.values() if each.server_id == worker)
        return str(next(found, "a host"))


def _first(findings: Iterable[list[str]]) -> list[str]:
    return [finding for each in findings for finding in each][:5]
