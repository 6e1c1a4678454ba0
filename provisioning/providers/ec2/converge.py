"""From what is there to a running machine in every place, all places at once.

One loop looks at all machines together (one Describe for all), while threads order the missing
ones. A machine that ends before it runs gets a successor; two in one place become one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from provisioning.errors import WorkshopError
from provisioning.fleet import Host, WantedHost
from provisioning.providers.ec2.calls import Calls
from provisioning.providers.ec2.errors import AnswerLost, EndedEarly, NotUpYet
from provisioning.providers.ec2.fill_place import Filled, Filler
from provisioning.providers.ec2.observe import Instance, View, as_host, look
from provisioning.providers.ec2.power import Power
from provisioning.providers.protocol import Launched, Missing, Progress

#: RunInstances takes seconds and its own rate limit is low; more threads would only be throttled.
#: https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-throttling.html
_ORDERS_AT_ONCE: Final = 32
#: How many machines may die in one place during one call.
_MOST_DEATHS: Final = 3
#: Seconds between looks, from the first to the slowest: few calls, for one shows all machines.
_POLL_SECONDS: Final = (0.4, 1.0)

OnHost = Callable[[Host], None]


def nobody(_: Host) -> None:
    """For callers that wait for all hosts anyway."""


@dataclass(frozen=True)
class Watchers:
    """Who is told: `progress` of each step, `on_host` of each host as soon as it runs."""

    progress: Progress
    on_host: OnHost = nobody
    user: str = "ubuntu"


@dataclass
class _Place:
    """What is known of one place: its machine, since when we wait, how many died."""

    wanted: WantedHost
    filled: Filled | None = None
    since: float = 0.0
    deaths: int = 0
    told: str = ""
    why: WorkshopError | None = None

    @property
    def waiting(self) -> bool:
        return self.filled is not None and self.why is None


@dataclass
class Convergence:
    """One run. `run` may be called once."""

    calls: Calls
    filler: Filler
    power: Power
    watchers: Watchers
    _places: dict[str, _Place] = field(default_factory=dict)
    _orders: dict[Future[Filled], _Place] = field(default_factory=dict)
    _created: set[str] = field(default_factory=set)
    _switched: set[str] = field(default_factory=set)

    def run(self, wanted: Iterable[WantedHost], view: View) -> Launched:
        """Until every place has a running machine with an address, or a reason why not."""
        self._places = {one.name: _Place(one) for one in wanted}
        with ThreadPoolExecutor(max_workers=_ORDERS_AT_ONCE) as pool:
            try:
                view = self._loop(pool, view)
            except BaseException:
                self.calls.pace.stop.set()  # nobody waits for threads that wait
                raise
            finally:
                pool.shutdown(wait=False, cancel_futures=True)
        missing = (Missing(name, one.why) for name, one in self._places.items() if one.why)
        fleet = view.fleet(user=self.watchers.user)
        return Launched(fleet, tuple(missing), tuple(sorted(self._created)))

    def _loop(self, pool: ThreadPoolExecutor, view: View) -> View:
        self.filler.prepare((place.wanted for place in self._places.values()), view)
        for place in self._places.values():
            place.filled = self.filler.filled(place.wanted, view)
            if place.filled is None:
                fill = partial(self.filler.fill, place.wanted, view, self._teller(place))
                self._orders[pool.submit(fill)] = place
            place.since = self.calls.pace.now()
        pause, most = _POLL_SECONDS
        while True:
            self._collect()
            if any(place.waiting for place in self._places.values()) or not self._orders:
                view = look(self.calls, view.workshop)
                if self._settled(pool, view):
                    return view
                self.calls.pace.pause(pause)
                pause = min(most, pause * 1.5)

    def _settled(self, pool: ThreadPoolExecutor, view: View) -> bool:
        """Act on what was seen; whether there is nothing left to wait for."""
        self._end_surplus(view)
        self._take_in_late(view)
        self._wake(view)
        places = [place for place in self._places.values() if place.waiting]
        here = [self._arrived(pool, place, view) for place in places]
        return all(here) and not self._orders and not view.surplus()

    def _teller(self, place: _Place) -> Callable[[str], None]:
        return partial(self.watchers.progress, place.wanted.name, 0, 2)

    def _collect(self) -> None:
        """Take in the orders that are answered; if nothing else is to do, wait for one."""
        idle = not any(place.waiting for place in self._places.values())
        wait(self._orders, timeout=None if idle else 0, return_when=FIRST_COMPLETED)
        for order in [one for one in self._orders if one.done()]:
            place = self._orders.pop(order)
            try:
                place.filled, place.since = order.result(), self.calls.pace.now()
            except WorkshopError as why:
                self._give_up(place, why)
            else:
                if place.filled.created:
                    self._created.add(place.wanted.name)

    def _arrived(self, pool: ThreadPoolExecutor, place: _Place, view: View) -> bool:
        """Whether a place's machine runs and has an address in this view."""
        one = self._current(place, view)
        if one is not None and not one.live:
            self._succeed(pool, place, one)
            return False
        if one is not None and one.state == "running" and one.public:
            self._tell_running(place, one, view)
            return True
        self._tell_waiting(place, one)
        if self.calls.pace.now() - place.since > self.calls.pace.boot_seconds:
            self._give_up(place, _not_up_yet(place, one, self.calls.pace.boot_seconds))
        return False

    def _current(self, place: _Place, view: View) -> Instance | None:
        """The machine that counts: ours, or a newer one that has appeared in the place."""
        assert place.filled is not None  # noqa: S101 - only waiting places are asked
        winner = view.winner(place.wanted.name)
        if winner and winner.id != place.filled.id and winner.mark.attempt >= place.filled.attempt:
            place.filled = Filled(winner.id, winner.mark.attempt, place.filled.created)
        return view.by_id(place.filled.id)

    def _succeed(self, pool: ThreadPoolExecutor, place: _Place, dead: Instance) -> None:
        """AWS took the machine back: order the next attempt, beginning in another zone."""
        last, place.filled, place.deaths = place.filled, None, place.deaths + 1
        self._created.discard(place.wanted.name)
        if last is not None and place.deaths < _MOST_DEATHS:
            tell = self._teller(place)
            again = partial(self.filler.refill, place.wanted, last, tell, deaths=place.deaths)
            self._orders[pool.submit(again)] = place
            return
        why = EndedEarly(
            f"{place.deaths} machines for {place.wanted.name} ended before they ran; the last one, "
            f"a {dead.type} in {dead.zone}: {dead.reason or 'AWS gives no reason'}",
            next_step="add types or zones under `hosts:` in workshop.yaml, or repeat "
            "`workshop up` later",
        )
        self._give_up(place, why)

    def _end_surplus(self, view: View) -> None:
        """Two machines in one place: the older attempt ends."""
        extra = [one for one in view.surplus() if one.id not in self._switched]
        if extra:
            self.power.terminate([one.id for one in extra], why="a newer one is in its place")
            self._switched |= {one.id for one in extra}

    def _take_in_late(self, view: View) -> None:
        """A machine whose order was never answered, and that has appeared nevertheless."""
        for place in self._places.values():
            late = view.winner(place.wanted.name)
            if late is not None and isinstance(place.why, AnswerLost):
                place.why, place.since = None, self.calls.pace.now()
                place.filled = Filled(late.id, late.mark.attempt, created=True)
                self._created.add(place.wanted.name)

    def _wake(self, view: View) -> None:
        """Start the machines of our places that are stopped."""
        current = {place.filled.id: place for place in self._places.values() if place.filled}
        stopped = [
            one.id
            for one in view.instances
            if one.id in current and one.state == "stopped" and one.id not in self._switched
        ]
        if stopped:
            self._switched |= set(stopped)
            for id_, why in self.power.start(stopped).items():
                self._give_up(current[id_], why)

    def _give_up(self, place: _Place, why: WorkshopError) -> None:
        place.why = why
        self.watchers.progress(place.wanted.name, 0, 2, why.message)

    def _tell_running(self, place: _Place, one: Instance, view: View) -> None:
        if place.told != one.id:
            place.told = one.id
            self.watchers.progress(place.wanted.name, 2, 2, f"{one.type} at {one.public}")
            self.watchers.on_host(as_host(one, view.region, user=self.watchers.user))

    def _tell_waiting(self, place: _Place, one: Instance | None) -> None:
        step = f"{one.type} in {one.zone}: {one.state}" if one else "ordered"
        if place.told != step:
            place.told = step
            self.watchers.progress(place.wanted.name, 1, 2, step)


def _not_up_yet(place: _Place, one: Instance | None, seconds: float) -> NotUpYet:
    id_ = place.filled.id if place.filled else ""
    state = "isn't listed by AWS" if one is None else f"is {one.state}"
    if one is not None and one.state == "running":
        state = "has no public address"
    why = f" ({one.reason})" if one is not None and one.reason else ""
    costs = "It may exist and cost money" if one is None else "It exists and costs money"
    return NotUpYet(
        f"The machine for {place.wanted.name}, {id_}, {state} after {seconds:.0f} s{why}. {costs}",
        next_step=f"repeat `workshop up`, or `workshop host replace {place.wanted.name}`",
    )
