"""Hosts on Amazon EC2: the Provider's verbs, each made of the parts of this folder.

Every verb looks at the cloud first, writes down what it is about to do, and can be repeated
after it was killed anywhere. Callers hold the workshop's lock.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from functools import cached_property
from typing import Final

from provisioning.fleet import Fleet, Host, WantedHost
from provisioning.fleet_state import FleetState
from provisioning.journal import Journal, Kind
from provisioning.providers.ec2 import tags
from provisioning.providers.ec2.aws import Aws
from provisioning.providers.ec2.calls import Calls
from provisioning.providers.ec2.converge import Convergence, OnHost, Watchers, nobody
from provisioning.providers.ec2.errors import CannotStop, NoSuchHost, NotOffered
from provisioning.providers.ec2.fill_place import Filler
from provisioning.providers.ec2.ground import Ground, SupplyDesk
from provisioning.providers.ec2.history import REPLACE, PlaceHistory, read_history, too_young_to_see
from provisioning.providers.ec2.launch import Launcher
from provisioning.providers.ec2.observe import Instance, View, look
from provisioning.providers.ec2.order import Ec2Order, Surroundings
from provisioning.providers.ec2.power import Power
from provisioning.providers.ec2.teardown import Teardown, take_down
from provisioning.providers.protocol import Inventory, Launched, Progress

#: Whom the images let log in.
_USER: Final = "ubuntu"
#: CreateTags takes up to 1000 ids; fewer make a smaller call to repeat.
_TAGS_AT_ONCE: Final = 200


def ec2_provider(order: Ec2Order, state: FleetState) -> Ec2Provider:
    """The provider for a spec, with AWS's own settings. Asks nothing of AWS yet."""
    aws = Aws(order.hosts.region, profile=order.hosts.profile)
    return Ec2Provider(order, state, aws, Surroundings())


class Ec2Provider:
    """The hosts of one workshop in one region. See `Provider` for the verbs."""

    def __init__(self, order: Ec2Order, state: FleetState, aws: Aws, around: Surroundings) -> None:
        self._order = order
        self._state = state
        self._aws = aws
        self._around = around

    @cached_property
    def _calls(self) -> Calls:
        return Calls(self._aws, self._around.pace)

    @cached_property
    def _journal(self) -> Journal:
        return self._state.journal(clock=self._around.clock)

    @cached_property
    def _power(self) -> Power:
        return Power(self._calls, self._journal, self._order.workshop)

    @cached_property
    def _ground(self) -> Ground:
        return Ground(self._order, self._state, self._aws, self._calls, self._journal, self._around)

    def observe(self) -> Fleet:
        return self._look().fleet(user=_USER)

    def ensure(
        self, wanted: tuple[WantedHost, ...], progress: Progress, on_host: OnHost = nobody
    ) -> Launched:
        """Like `Provider.ensure`. `on_host` hears of each host as soon as it runs, from the
        thread that waits for all of them: it must return at once."""
        launched = self._converge(wanted, self._look(), Watchers(progress, on_host, _USER))
        self._close_replacements(launched.fleet)
        return launched

    def replace(self, wanted: WantedHost, progress: Progress) -> Host:
        view = self._look()
        past = self._history().get(wanted.name, PlaceHistory())
        if not _is_replaced(past, view.winner(wanted.name)):
            view = self._end_old(wanted.name, past, view, progress)
        launched = self._converge((wanted,), view, Watchers(progress, user=_USER))
        if launched.missing:
            raise launched.missing[0].why
        self._close_replacements(launched.fleet)
        host = launched.fleet.host(wanted.name)
        assert host is not None  # noqa: S101 - it isn't missing
        return host

    def stop(self, names: tuple[str, ...], progress: Progress) -> Fleet:
        """Raises: NoSuchHost, CannotStop (for spot, before anything is stopped), NotUpYet."""
        chosen = self._named(self._look(), names)
        if spot := [one.place for one in chosen if one.market == "spot"]:
            raise CannotStop(
                f"{', '.join(spot)}: a one-time spot machine can be ended, not stopped; "
                "nothing was stopped",
                next_step="name the other hosts, or end all with `workshop down`",
            )
        _tell(progress, chosen, 0, "stopping")
        self._power.stop(one.id for one in chosen if one.state in ("pending", "running"))
        view = self._power.wait((one.id for one in chosen), _is_stopped, state="stopped")
        _tell(progress, chosen, 1, "stopped")
        return view.fleet(user=_USER)

    def start(self, names: tuple[str, ...], progress: Progress) -> Fleet:
        """Raises: NoSuchHost, NotUpYet, and AWS's reason when it starts one of them not."""
        chosen = self._named(self._look(), names)
        _tell(progress, chosen, 0, "starting")
        ids = [one.id for one in chosen]
        view = self._power.wait(ids, _isnt_stopping, state="stopped")
        halted = [one.id for one in view.instances if one.id in ids and one.state == "stopped"]
        refused = self._power.start(halted)
        view = self._power.wait(set(ids) - set(refused), _is_reachable, state="reachable")
        _tell(progress, [one for one in chosen if one.id not in refused], 1, "running")
        for why in refused.values():
            raise why
        return view.fleet(user=_USER)

    def console(self, name: str) -> str:
        """Up to 64 KB. Raises: NoSuchHost, AwsError.

        https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_GetConsoleOutput.html
        """
        (one,) = self._named(self._look(), (name,))
        try:  # machines without Nitro have only what was said some time after their last boot
            answer = self._calls.change("get_console_output", InstanceId=one.id, Latest=True)
        except NotOffered:
            answer = self._calls.change("get_console_output", InstanceId=one.id)
        return str(answer.get("Output", ""))

    def note_deadline(self, names: tuple[str, ...], deadline: datetime) -> None:
        chosen = self._named(self._look(), names)
        ids = sorted({id_ for one in chosen for id_ in (one.id, *one.holds)})
        pairs = {tags.DEADLINE: tags.deadline_text(deadline)}
        facts = {"hosts": sorted(names), "region": self._calls.region, **pairs}
        self._journal.write("intent", "ec2.deadline", **facts)
        for at in range(0, len(ids), _TAGS_AT_ONCE):
            batch = ids[at : at + _TAGS_AT_ONCE]
            self._calls.change("create_tags", Resources=batch, Tags=tags.as_list(pairs))
        self._journal.write("done", "ec2.deadline", **facts)

    def access_refresh(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Open the doors to where people are now, and to nobody else: ranges before and after."""
        return self._ground.refresh_access(self._look())

    def down(self, progress: Progress, *, regions: tuple[str, ...] = ()) -> Inventory:
        """Look in these regions only, if any are named. Raises: see `take_down`."""
        order = Teardown(
            workshop=self._order.workshop,
            aws=self._aws,
            journal=self._journal,
            regions=regions,
            patience=self._around.teardown,
            pace=self._around.pace,
            clock=self._around.clock,
        )
        return take_down(order, progress)

    def _look(self) -> View:
        return look(self._calls, self._order.workshop)

    def _history(self) -> dict[str, PlaceHistory]:
        return read_history(self._journal.entries(), self._state.uid())

    def _named(self, view: View, names: Iterable[str]) -> list[Instance]:
        """The machines in these places. Raises: NoSuchHost, before anything is done."""
        found = {name: view.winner(name) for name in names}
        if absent := sorted(name for name, one in found.items() if one is None):
            there = ", ".join(view.places()) or "none"
            raise NoSuchHost(
                f"The workshop {view.workshop} has no machine in {', '.join(absent)}; "
                f"there are: {there}. Nothing was changed",
                next_step="see `workshop status`; `workshop up` fills empty places",
            )
        return [one for one in found.values() if one is not None]

    def _converge(self, wanted: tuple[WantedHost, ...], view: View, watchers: Watchers) -> Launched:
        site, clock = self._ground.ensure(view), self._around.clock
        supply = SupplyDesk(self._aws, self._calls, self._journal, self._around, wanted)
        filler = Filler(site, self._launcher(len(wanted)), supply, self._history(), clock)
        return Convergence(self._calls, filler, self._power, watchers).run(wanted, view)

    def _launcher(self, places: int) -> Launcher:
        return Launcher(self._calls, self._state, self._journal, self._around.clock, places)

    def _end_old(self, place: str, past: PlaceHistory, view: View, progress: Progress) -> View:
        """End every machine in a place, and wait until it can't come back or hold anything."""
        attempt = max(view.attempts(place), past.attempts)
        facts = {"host": place, "attempt": attempt, "uid": self._state.uid()}
        self._journal.write("intent", REPLACE, **facts, region=self._calls.region)
        progress(place, 0, 2, "ending the old machine")
        old = {one.id for one in view.of_place(place)} | self._unseen(past, view)
        self._power.terminate(old, why="it is replaced")
        view = self._power.wait(old, lambda one: one.ended, state="terminated")
        self._state.forget_attempts(place, up_to=attempt)
        return view

    def _unseen(self, past: PlaceHistory, view: View) -> set[str]:
        """Machines of a place that no listing shows: just made, or ordered and never answered."""
        made = too_young_to_see(past, self._around.clock())
        young = {one.id for one in made if view.by_id(one.id) is None}
        launcher = self._launcher(1)
        late = (launcher.settle(one, still_wanted=False) for one in past.open.values())
        return young | {id_ for id_ in late if id_ is not None}

    def _close_replacements(self, fleet: Fleet) -> None:
        """A replacement that was cut off is over when its place is filled, by whatever verb."""
        for place, past in self._history().items():
            host = fleet.host(place)
            if past.replacing is None or host is None:
                continue
            kind: Kind = "done" if host.attempt > past.replacing else "failed"
            facts = {"host": place, "attempt": past.replacing, "uid": self._state.uid()}
            self._journal.write(kind, REPLACE, **facts, region=self._calls.region)


def _is_replaced(past: PlaceHistory, current: Instance | None) -> bool:
    """Whether an earlier `replace` was cut off after it had ordered the new machine."""
    if past.replacing is None:
        return False
    ordered = past.attempts > past.replacing
    return ordered if current is None else current.mark.attempt > past.replacing


def _is_stopped(one: Instance) -> bool:
    return one.state in ("stopped", "gone")


def _isnt_stopping(one: Instance) -> bool:
    return one.state != "stopping"


def _is_reachable(one: Instance) -> bool:
    return one.state == "running" and one.public is not None


def _tell(progress: Progress, chosen: Iterable[Instance], done: int, step: str) -> None:
    for one in chosen:
        progress(one.place, done, 1, step)
