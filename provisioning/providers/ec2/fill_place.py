"""Which machine a place gets: one that is there, one that was ordered before, or a new one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from provisioning.fleet import WantedHost
from provisioning.providers.ec2.history import PlaceHistory, too_young_to_see
from provisioning.providers.ec2.launch import Launcher, Tell
from provisioning.providers.ec2.launch_request import LaunchRequest
from provisioning.providers.ec2.observe import View
from provisioning.providers.ec2.site import AskSupply, Site, requests_for


@dataclass(frozen=True)
class Filled:
    """The machine in a place: its id and attempt, and whether this call ordered it."""

    id: str
    attempt: int
    created: bool = False


@dataclass(frozen=True)
class Filler:
    """Fills places of one workshop. Used from many threads, one for each place."""

    site: Site
    launcher: Launcher
    supply: AskSupply
    history: Mapping[str, PlaceHistory]
    clock: Callable[[], datetime]

    def filled(self, wanted: WantedHost, view: View) -> Filled | None:
        """The machine that is there, when no open order could bring a second. Asks nobody."""
        there, past = view.winner(wanted.name), self.history.get(wanted.name, PlaceHistory())
        return Filled(there.id, there.mark.attempt) if there and not past.open else None

    def prepare(self, places: Iterable[WantedHost], view: View) -> None:
        """Make the host keys of all new machines at once: written one by one, each to the disk,
        they would hold each other up."""
        new = [one.name for one in places if self.filled(one, view) is None]
        state = self.launcher.state
        state.ensure_bootstraps((name, self._next_attempt(name, view)) for name in new)

    def fill(self, wanted: WantedHost, view: View, tell: Tell) -> Filled:
        """The machine for a place. Raises: NoMachine and what `Launcher.launch` raises.

        Open orders come first: a machine that exists unseen must not get a second beside it.
        """
        past = self.history.get(wanted.name, PlaceHistory())
        there = view.winner(wanted.name)
        settled = self._settle(wanted, past, ordering=there is None)
        if there:
            return Filled(there.id, there.mark.attempt)
        if settled:
            return settled
        if young := self._young(past, view):
            return young
        return self._launch(wanted, self._next_attempt(wanted.name, view), tell)

    def refill(self, wanted: WantedHost, dead: Filled, tell: Tell, *, deaths: int) -> Filled:
        """The successor of a machine that ended before it ran, sought in the next zone first."""
        return self._launch(wanted, dead.attempt + 1, tell, shift=deaths)

    def _launch(self, wanted: WantedHost, attempt: int, tell: Tell, *, shift: int = 0) -> Filled:
        requests = requests_for(self.site, self.supply(), wanted, attempt=attempt, shift=shift)
        return Filled(self.launcher.launch(requests, tell), attempt, created=True)

    def _next_attempt(self, place: str, view: View) -> int:
        past = self.history.get(place, PlaceHistory())
        return 1 + max(view.attempts(place), past.attempts)

    def _settle(self, wanted: WantedHost, past: PlaceHistory, *, ordering: bool) -> Filled | None:
        """The newest machine that open orders turn out to have made.

        The newest order is sent again if nothing has been found; it alone may be unanswered.
        """
        found: Filled | None = None
        for opened in sorted(past.open.values(), key=lambda one: one.at, reverse=True):
            again = ordering and found is None and self._fits(opened.request, wanted)
            id_ = self.launcher.settle(opened, still_wanted=again)
            if id_ and found is None:
                found = Filled(id_, opened.request.attempt, created=True)
        return found

    def _young(self, past: PlaceHistory, view: View) -> Filled | None:
        """A machine that AWS confirmed a moment ago and no listing shows yet."""
        young = too_young_to_see(past, self.clock())
        unseen = [made for made in young if view.by_id(made.id) is None]
        newest = max(unseen, key=lambda made: made.attempt, default=None)
        return Filled(newest.id, newest.attempt) if newest else None

    def _fits(self, request: LaunchRequest, wanted: WantedHost) -> bool:
        """Whether the spec still wants what was ordered."""
        zone = not self.site.zones or request.zone in self.site.zones
        market = request.market in (wanted.market, "on-demand")
        return zone and market and request.type in wanted.types
