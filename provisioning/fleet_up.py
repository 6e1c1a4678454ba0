"""From wanted places to hosts that are ready, all at once; what fails is said and keeps nobody.

Every step looks before it acts, so a second call goes on where the first one stopped.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from provisioning.errors import StepFailed, WorkshopError
from provisioning.fleet import Fleet, Host, WantedHost
from provisioning.providers.protocol import Progress, Provider
from provisioning.readiness import Hardware, Ready, Threshold

#: Waiting for a host costs a thread and little else, but logging in costs computing time: more
#: at once would make each other's logins too slow.
_AT_ONCE = 64
#: A Ctrl-C that comes just before a wait begins is only seen when the wait ends.
_CTRL_C_SECONDS = 0.5


@dataclass(frozen=True)
class FleetOrder:
    """What shall be there, who provides it, and what each host must have."""

    wanted: tuple[WantedHost, ...]
    provider: Provider
    threshold: Threshold
    hardware: Callable[[Host, WantedHost], Hardware]


@dataclass(frozen=True)
class FleetUp:
    """What came of it. `problems` has one entry for each place that can't be used."""

    fleet: Fleet
    ready: Mapping[str, Ready]
    created: tuple[str, ...] = ()
    problems: Mapping[str, WorkshopError] = field(default_factory=dict)


def bring_up_fleet(order: FleetOrder, progress: Progress) -> FleetUp:
    """A host in every place, and each of them ready. Raises only what stops all of them."""
    with _Welcome(order, progress) as welcome:
        # A host is made ready while others are still launched: nobody waits for the slowest.
        launched = order.provider.ensure(order.wanted, progress, welcome.meet)
        welcome.meet_all(launched.fleet)
        ready, unready = welcome.outcomes()
    problems = {missing.name: missing.why for missing in launched.missing} | unready
    problems |= _not_running(order, launched.fleet, problems)
    return FleetUp(launched.fleet, ready, launched.created, problems)


def make_hosts_ready(order: FleetOrder, fleet: Fleet, progress: Progress) -> FleetUp:
    """The hosts of `fleet` that run, made ready; nothing is created."""
    with _Welcome(order, progress) as welcome:
        welcome.meet_all(fleet)
        ready, problems = welcome.outcomes()
    return FleetUp(fleet, ready, problems=problems | _not_running(order, fleet, problems))


def replace_host(order: FleetOrder, place: WantedHost, progress: Progress) -> FleetUp:
    """Another machine in one place, made ready; the other hosts are left alone."""
    host = order.provider.replace(place, progress)
    found = make_hosts_ready(order, Fleet("", (host,)), progress)
    return FleetUp(found.fleet, found.ready, (host.name,), found.problems)


class _Welcome:
    """Makes each host ready in a thread of its own, as soon as it is met; once each."""

    def __init__(self, order: FleetOrder, progress: Progress) -> None:
        self._order = order
        self._progress = progress
        self._places = {each.name: each for each in order.wanted}
        self._met: dict[str, Host] = {}
        self._answers: queue.SimpleQueue[tuple[Host, Ready | BaseException]] = queue.SimpleQueue()
        self._turns = threading.BoundedSemaphore(_AT_ONCE)
        self._over = threading.Event()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()

    def meet(self, host: Host) -> None:
        """Begin with a host that runs. Another machine in its place takes its place here, too."""
        before = self._met.get(host.name)
        known = before is not None and (before.id, before.address) == (host.id, host.address)
        if host.name not in self._places or host.state != "running" or known:
            return
        self._met[host.name] = host
        # A daemon: after Ctrl-C a host that doesn't answer must not keep the program alive.
        name = f"ready-{host.name}"
        threading.Thread(target=self._welcome, args=(host,), name=name, daemon=True).start()

    def meet_all(self, fleet: Fleet) -> None:
        """Begin with those that weren't met yet; forget machines that are gone since."""
        self._met = {name: host for name, host in self._met.items() if fleet.host(name)}
        for host in fleet.hosts:
            self.meet(host)

    def outcomes(self) -> tuple[dict[str, Ready], dict[str, WorkshopError]]:
        """Waits for all of them. Anything but a WorkshopError is a mistake of ours: raised."""
        ready: dict[str, Ready] = {}
        problems: dict[str, WorkshopError] = {}
        while (done := len(ready) + len(problems)) < len(self._met):
            host, answer = self._next_answer()
            if self._met.get(host.name) is not host:  # it is gone, or another is in its place
                continue
            match answer:
                case Ready():
                    ready[host.name] = answer
                    note = f"{host.name} in {answer.seconds:.0f} s"
                case WorkshopError():
                    problems[host.name] = answer
                    note = f"{host.name}: {answer.message.splitlines()[0]}"
                case mistake:
                    raise mistake
            self._progress("ready", done + 1, len(self._met), note)
        return ready, problems

    def _next_answer(self) -> tuple[Host, Ready | BaseException]:
        while True:
            with suppress(queue.Empty):
                return self._answers.get(timeout=_CTRL_C_SECONDS)

    def _welcome(self, host: Host) -> None:
        with self._turns:
            if self._over.is_set():
                return
            try:
                answer: Ready | BaseException = self._make_ready(host)
            except BaseException as error:
                answer = error
            self._answers.put((host, answer))

    def _make_ready(self, host: Host) -> Ready:
        def tell(stage: str) -> None:
            self._progress(host.name, int(stage == "ready"), 1, stage)

        place = self._places[host.name]
        return self._order.threshold.make_ready(host, self._order.hardware(host, place), tell)


def _not_running(
    order: FleetOrder, fleet: Fleet, explained: Iterable[str]
) -> dict[str, WorkshopError]:
    """A reason for each place whose host nobody could make ready, because it doesn't run."""
    found = {host.name: host for host in fleet.hosts if host.state != "running"}
    return {
        place.name: StepFailed(
            f"{place.name} is {found[place.name].state} and not running",
            next_step="repeat `workshop up`; it starts hosts that are stopped",
        )
        for place in order.wanted
        if place.name in found and place.name not in explained
    }
