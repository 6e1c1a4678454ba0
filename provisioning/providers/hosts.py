"""A list of machines that were there before the workshop: looked at, used and cleared.

Nothing here switches a machine on or off. What belongs to the person stays: their accounts,
their files, their host keys, and how they log in.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import cached_property

from provisioning.errors import NotPossibleHere, WorkshopError
from provisioning.fleet import Address, Fleet, Host, HostState, WantedHost
from provisioning.hosts_spec import MachineHostsSpec, MachineSpec
from provisioning.providers.machine_claim import KINDS, Leftover, clear, look, take
from provisioning.providers.protocol import (
    Inventory,
    Launched,
    Missing,
    OnHost,
    Progress,
    Resource,
    nobody,
)
from provisioning.ssh.connection import Connection
from provisioning.ssh.login import Login
from provisioning.ssh.pool import on_each

#: Machines of a list are on already: who doesn't answer in this time is not there.
ANSWER_SECONDS = 20.0
_CLEAR_SECONDS = 240.0
_WORKERS = 64


class ListedKeys:
    """The host keys that the spec pins. See `HostKeys` in readiness.py."""

    def __init__(self, spec: MachineHostsSpec) -> None:
        self._keys = {machine.name: machine.host_key for machine in spec.machines}

    def host_keys(self, place: str, attempt: int) -> tuple[str, ...]:
        return (self._keys[place],) if place in self._keys else ()

    def pinned(self, place: str, attempt: int) -> str | None:
        return self._keys.get(place)

    def pin(self, place: str, attempt: int, public: str) -> None:
        """Never: the person's own key stays the machine's."""
        raise NotPossibleHere(
            f"{place} keeps its host key: it is the one in your list",
            next_step="put the new key into the list if you changed it on the machine",
        )

    def forget_bootstrap(self, place: str, attempt: int) -> None:
        """There is none."""


class HostsProvider:
    """See `Provider` for the verbs."""

    def __init__(
        self, spec: MachineHostsSpec, workshop: str, *, seconds: float = ANSWER_SECONDS
    ) -> None:
        self._spec = spec
        self._workshop = workshop
        self._seconds = seconds

    @cached_property
    def _machines(self) -> dict[str, MachineSpec]:
        return {machine.name: machine for machine in self._spec.machines}

    def observe(self) -> Fleet:
        """Every machine of the list; `running` are those that let us log in now."""
        answers = on_each(
            self._logins(self._machines), _nothing, seconds=self._seconds, workers=_WORKERS
        )
        return self._fleet(
            _host(machine, "pending" if isinstance(answers[name], WorkshopError) else "running")
            for name, machine in self._machines.items()
        )

    def ensure(
        self, wanted: tuple[WantedHost, ...], progress: Progress, on_host: OnHost = nobody
    ) -> Launched:
        """Take every wanted machine that answers; the others are missing, with the reason."""
        listed = {each.name: self._machines[each.name] for each in wanted}

        def claim(name: str, connection: Connection) -> bool:
            new = take(connection, self._workshop)
            progress(name, 1, 1, "answers")
            on_host(_host(listed[name], "running"))
            return new

        taken = on_each(self._logins(listed), claim, seconds=self._seconds, workers=_WORKERS)
        there = {name: new for name, new in taken.items() if isinstance(new, bool)}
        missing = {name: why for name, why in taken.items() if isinstance(why, WorkshopError)}
        return Launched(
            self._fleet(_host(listed[name], "running") for name in there),
            tuple(Missing(name, why) for name, why in missing.items()),
            tuple(name for name, new in there.items() if new),
        )

    def replace(self, wanted: WantedHost, progress: Progress) -> Host:
        raise NotPossibleHere(
            f"{wanted.name} is a machine of your list: no other can be made in its place",
            next_step=f"write another machine's address and host_key under {wanted.name} in "
            "workshop.yaml, then `workshop up`",
        )

    def stop(self, names: tuple[str, ...], progress: Progress) -> Fleet:
        raise _not_ours("switched off")

    def start(self, names: tuple[str, ...], progress: Progress) -> Fleet:
        raise _not_ours("switched on")

    def console(self, name: str) -> str:
        raise NotPossibleHere(
            f"{name} is a machine of your list: nobody here sees its console",
            next_step="look at its screen, or at what hosts it",
        )

    def note_deadline(self, names: tuple[str, ...], deadline: datetime) -> None:
        raise NotPossibleHere(
            "Machines of a list have no deadline: nothing ends them",
            next_step="`workshop down` when the class is over",
        )

    def down(self, progress: Progress) -> Inventory:
        """Remove what we put on the machines; the list of what is left is made anew.

        A machine that can't be reached, and may hold something, is in it.
        """
        machines = self._machines

        def empty(name: str, connection: Connection) -> None:
            clear(connection, self._workshop)
            progress(name, 1, 1, "cleared")

        # What clearing met is no matter: the look afterwards says what is left.
        on_each(self._logins(machines), empty, seconds=_CLEAR_SECONDS, workers=_WORKERS)
        return self.inventory()

    def inventory(self) -> Inventory:
        """What is left of ours on every machine. Changes nothing."""

        def list_left(name: str, connection: Connection) -> tuple[Leftover, ...]:
            return look(connection, self._workshop)

        logins = self._logins(self._machines)
        found = on_each(logins, list_left, seconds=self._seconds, workers=_WORKERS)
        left = [one for name, said in found.items() for one in self._left(name, said)]
        return Inventory(tuple(left), ("machine", *KINDS), tuple(self._machines))

    def _left(self, name: str, said: tuple[Leftover, ...] | WorkshopError) -> list[Resource]:
        if isinstance(said, WorkshopError):
            what = f"can't be looked at, so something may be left there: {said.message}"
            return [Resource("machine", name, name, self._workshop, what)]
        return [Resource(one.kind, one.id, name, self._workshop, one.what) for one in said]

    def _logins(self, machines: Mapping[str, MachineSpec]) -> dict[str, Login]:
        return {
            name: Login(_address(machine), self._spec.key, (machine.host_key,))
            for name, machine in machines.items()
        }

    def _fleet(self, hosts: Iterable[Host]) -> Fleet:
        return Fleet(self._workshop, tuple(sorted(hosts, key=lambda host: host.name)))


def _nothing(name: str, connection: Connection) -> None:
    """Logging in is all that is asked."""


def _address(machine: MachineSpec) -> Address:
    return Address(machine.address, machine.port, machine.user)


def _host(machine: MachineSpec, state: HostState) -> Host:
    return Host(
        name=machine.name,
        role=machine.role,
        state=state,
        address=_address(machine),
        private_address=machine.private_address or machine.address,
        id=machine.address,
    )


def _not_ours(what: str) -> NotPossibleHere:
    return NotPossibleHere(
        f"These machines were there before the workshop: they can't be {what} from here",
        next_step="do it where they are, then `workshop status`",
    )
