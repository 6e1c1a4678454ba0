"""From wanted places to hosts that are ready, all at once; what fails is said and keeps nobody.

Every step looks before it acts, so a second call goes on where the first one stopped.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field

from provisioning.errors import WorkshopError
from provisioning.fleet import Fleet, Host, WantedHost
from provisioning.providers.protocol import Progress, Provider
from provisioning.readiness import Hardware, Ready, Threshold

#: Waiting for a host costs a thread and little else; 300 places are the most there can be.
_AT_ONCE = 64


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
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        welcome = _Welcome(order, pool, progress)
        # A host is made ready while others are still launched: nobody waits for the slowest.
        launched = order.provider.ensure(order.wanted, progress, welcome.meet)
        for host in launched.fleet.hosts:
            welcome.meet(host)
        ready, unready = welcome.outcomes()
    problems = {missing.name: missing.why for missing in launched.missing} | unready
    return FleetUp(launched.fleet, ready, launched.created, problems)


def make_hosts_ready(order: FleetOrder, fleet: Fleet, progress: Progress) -> FleetUp:
    """The hosts of `fleet` that run, made ready; nothing is created."""
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        welcome = _Welcome(order, pool, progress)
        for host in fleet.hosts:
            welcome.meet(host)
        ready, problems = welcome.outcomes()
    return FleetUp(fleet, ready, problems=problems)


def replace_host(order: FleetOrder, place: WantedHost, progress: Progress) -> FleetUp:
    """Another machine in one place, made ready; the other hosts are left alone."""
    host = order.provider.replace(place, progress)
    found = make_hosts_ready(order, Fleet("", (host,)), progress)
    return FleetUp(found.fleet, found.ready, (host.name,), found.problems)


class _Welcome:
    """Makes each host ready in a thread of its own, as soon as it is met; once each."""

    def __init__(self, order: FleetOrder, pool: ThreadPoolExecutor, progress: Progress) -> None:
        self._order = order
        self._pool = pool
        self._progress = progress
        self._places = {each.name: each for each in order.wanted}
        self._jobs: dict[str, Future[Ready]] = {}

    def meet(self, host: Host) -> None:
        if host.name in self._places and host.name not in self._jobs and host.state == "running":
            self._jobs[host.name] = self._pool.submit(self._make_ready, host)

    def outcomes(self) -> tuple[dict[str, Ready], dict[str, WorkshopError]]:
        """Waits for all of them. Anything but a WorkshopError is a mistake of ours: raised."""
        ready: dict[str, Ready] = {}
        problems: dict[str, WorkshopError] = {}
        names = {job: name for name, job in self._jobs.items()}
        for done, job in enumerate(as_completed(names), start=1):
            name = names[job]
            try:
                ready[name] = job.result()
                note = f"{name} in {ready[name].seconds:.0f} s"
            except WorkshopError as error:
                problems[name] = error
                note = f"{name}: {error.message.splitlines()[0]}"
            self._progress("ready", done, len(names), note)
        return ready, problems

    def _make_ready(self, host: Host) -> Ready:
        def tell(stage: str) -> None:
            self._progress(host.name, int(stage == "ready"), 1, stage)

        place = self._places[host.name]
        return self._order.threshold.make_ready(host, self._order.hardware(host, place), tell)
