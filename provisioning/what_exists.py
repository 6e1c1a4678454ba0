"""What there is and what it costs, said beside every failure of a command that makes hosts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from provisioning.costs import hourly
from provisioning.errors import WorkshopError
from provisioning.fleet_desk import FleetDesk
from provisioning.hosts_spec import MachineHostsSpec
from provisioning.providers.ec2.history import LAUNCH


@contextmanager
def telling_what_exists(desk: FleetDesk) -> Iterator[None]:
    """Adds a note to a failure that passes through, and keeps its kind."""
    try:
        yield
    except WorkshopError as error:
        error.add_note(what_exists(desk))
        raise


def what_exists(desk: FleetDesk) -> str:
    """One sentence; asks the provider, and says so when it can't be asked."""
    try:
        fleet = desk.provider.observe()
    except WorkshopError:
        return (
            "What exists now can't be asked: `workshop status` shows it later, and every host "
            "ends itself at its deadline."
        )
    number = len(fleet.hosts)
    if isinstance(desk.request.hosts, MachineHostsSpec):
        return f"{number} of {len(desk.wanted)} machines answer; nothing on them costs more."
    if not number and _unanswered(desk):
        return (
            "No host is visible yet, but orders got no answer: one may still appear. "
            "`workshop status` shows it, `workshop down` waits for it and ends it."
        )
    if not number:
        return "No host exists, so nothing costs money."
    hosts = "1 host exists and costs" if number == 1 else f"{number} hosts exist and cost"
    return f"{hosts} {hourly(fleet).dollars()} an hour until `workshop down`."


def _unanswered(desk: FleetDesk) -> bool:
    """Whether the journal knows of a launch that was neither confirmed nor refused."""
    open_orders: set[str] = set()
    for entry in desk.state.journal().of_step(LAUNCH):
        token = str(entry.facts.get("token"))
        if entry.kind == "intent":
            open_orders.add(token)
        else:
            open_orders.discard(token)
    return bool(open_orders)
