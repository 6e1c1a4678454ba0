"""What `up`, `status`, `report` and `down` do for a workshop whose hub is on a host."""

from __future__ import annotations

import dataclasses
import json
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Protocol

import click

from hub_config.bring_up import UpRequest, look, make_order, refuse_what_stops
from hub_config.hub_host.bringing_up import (
    FOR_SEAT_HOSTS,
    HubOrder,
    fetch_authority,
    fit_out,
    fit_out_seat_hosts,
    for_seat_hosts,
    on_hub_host,
    refuse_unseen,
    replaced,
)
from hub_config.hub_host.carried import refuse_unfitted, show_cards, this_screen
from hub_config.hub_host.facts import ForSeatHosts
from hub_config.hub_host.fleet_facts import tell_fleet
from hub_config.hub_host.harvest import fetch_reports, harvest
from hub_config.hub_host.hub_host import HubHost
from hub_config.hub_host.last_copies import copy_once_more
from hub_config.hub_host.layout import HUB_HOST, STATE
from hub_config.hub_host.leaving import leave_machines
from hub_config.hub_host.room_for_seats import refuse_too_few_places
from hub_config.install import write_if_changed
from hub_config.people import Person
from hub_config.seat_commands import show_codes
from hub_config.spec import WorkshopSpec
from hub_config.up import seat_people, settle
from provisioning.commands.fleet import (
    bring_up_hosts,
    hosts_status,
    refuse_problems,
    take_hosts_down,
)
from provisioning.commands.hosts import ask_to_replace, replace_place
from provisioning.commands.operator import Operator, ask, yes_option
from provisioning.errors import NotPossibleHere, StepFailed, WorkshopError
from provisioning.fleet_up import FleetUp
from provisioning.hosts_spec import MachineHostsSpec
from provisioning.operate import hosts_now
from provisioning.paths import StatePaths
from provisioning.progress_view import ProgressView
from provisioning.what_exists import telling_what_exists

#: In the workshop's folder here, from the archive to the next `up`: nothing is on hosts alone.
_FETCHED: Final = "work-fetched"


class Organiser(Operator, Protocol):
    """What these commands need of the command line's session."""

    @property
    def spec(self) -> WorkshopSpec: ...
    @property
    def paths(self) -> StatePaths: ...
    @property
    def people(self) -> tuple[Person, ...]: ...
    @property
    def request(self) -> UpRequest: ...
    @property
    def hub_order(self) -> HubOrder | None: ...
    @property
    def on_hub_host(self) -> bool: ...
    def alone(self) -> AbstractContextManager[None]: ...


def up_on_hosts(session: Organiser, start_seats: bool, yes: bool) -> None:
    """Hosts, then the hub on one of them and seats on the others."""
    if session.hub_order is not None:
        refuse_too_few_places(session.spec, session.people, session.fleet.wanted)
    with session.alone():
        up = bring_up_hosts(session, yes)
        order = session.hub_order
        if order is not None:
            (order.paths.home / _FETCHED).unlink(missing_ok=True)
            with telling_what_exists(session.fleet):
                up = bring_up_hub(order, up, start_seats)
    refuse_problems(session.fleet, up)


def bring_up_hub(order: HubOrder, up: FleetUp, start_seats: bool) -> FleetUp:
    """A hub that answers at its public address. Hosts that can't run seats become problems."""
    with on_hub_host(order) as hub:
        fitted = fit_out(order, up, hub)
        click.echo("The hub host has our code and the course.")
        try:
            _run(hub, "settle")
        finally:
            show_cards(order, hub)
        unfit = fit_out_seat_hosts(order, up, fitted, for_seat_hosts(hub))
        there = sum(host.role != "hub" and host.name in up.ready for host in up.fleet.hosts)
        click.echo(f"{there - len(unfit)} of {there} other hosts are set up for the class.")
        authority = fetch_authority(hub, order.paths)
        if authority is not None:
            click.echo(f"To be believed by browsers before the class, a certificate: {authority}")
        tell_fleet(order, hub, up.fleet, datetime.now(UTC))
        _run(hub, "up", "--start-seats" if start_seats else "--no-start-seats")
    refuse_unseen(fitted.address, authority)
    ready = {name: each for name, each in up.ready.items() if name not in unfit}
    return dataclasses.replace(up, ready=ready, problems={**up.problems, **unfit})


@click.command("replace")
@click.argument("name")
@yes_option
@click.pass_obj
def replace_host(session: Organiser, name: str, yes: bool) -> None:
    """Put another machine in the place of NAME. What is on the old one's disk is gone.

    Seats of a class move to it with their newest copies.
    """
    order = session.hub_order
    ask_to_replace(session, name, yes)
    if order is None or name == HUB_HOST:
        replace_place(session, name)
        return
    click.echo(copy_once_more(order, name))
    found = replace_place(session, name)
    with session.alone(), telling_what_exists(session.fleet):
        up = bring_up_hub(order, replaced(order, found), start_seats=True)
    refuse_problems(session.fleet, up)


def _run(hub: HubHost, *words: str) -> None:
    status = hub.carry(words, this_screen())
    if status != 0:
        raise StepFailed(
            f"On the hub host, `workshop {words[0]}` ended with status {status}; what it said "
            "stands above, and nothing was lost",
            next_step="workshop up again: it goes on where it stopped",
        )


def status_on_hosts(session: Organiser, as_json: bool) -> None:
    """The hosts as the cloud describes them; then what the hub says of itself."""
    order = session.hub_order
    if order is None:
        hosts_status(session, as_json)
        return
    if not as_json:
        hosts_status(session, as_json)
        with on_hub_host(order) as hub:
            refuse_unfitted(hub)
            hub.carry(("status",), this_screen())
        return
    found = hosts_now(session.fleet)
    facts: dict[str, Any] = {"hosts": [dataclasses.asdict(each) for each in found], "hub": None}
    try:
        with on_hub_host(order) as hub:
            refuse_unfitted(hub)
            facts["hub"] = json.loads(hub.ask("status", "--json"))
    except WorkshopError as error:
        facts["problem"] = error.message
    click.echo(json.dumps(facts, indent=2, default=str))


def report_on_hosts(order: HubOrder) -> tuple[Path, Path]:
    """Write the report there, bring it here: its page and its grades on this computer."""
    with on_hub_host(order) as hub:
        refuse_unfitted(hub)
        hub.ask("report")
        folder = fetch_reports(hub, order.paths)
    return folder / "report.html", folder / "grades.csv"


def down_on_hosts(
    session: Organiser, yes: bool, regions: tuple[str, ...], *, leave_work: bool
) -> None:
    """First everybody's work comes to this computer, then the hosts end."""
    order = session.hub_order
    if order is not None:
        try:
            at_home = _bring_work_home(session, order, yes, leave_work)
        except WorkshopError as error:
            if not leave_work:
                raise _with_the_way_out(error) from error
            click.echo(f"Not everything could be fetched: {error.message}", err=True)
            at_home = False
        if isinstance(session.spec.hosts, MachineHostsSpec):
            _leave_machines(session, at_home and not leave_work, leave_work)
    take_hosts_down(session, yes, regions)


def _bring_work_home(session: Organiser, order: HubOrder, yes: bool, leave_work: bool) -> bool:
    """Whether everything that people made is on this computer: from now, or from a `down` before
    that did not get to its end."""
    fetched = order.paths.home / _FETCHED
    if session.fleet.provider.observe().host(HUB_HOST) is None:
        return fetched.exists()
    ask("Stop the class, and fetch everybody's work?", yes)
    with session.alone(), on_hub_host(order) as hub:
        if not hub.is_installed():
            return fetched.exists()
        _run(hub, "down", "--yes", *(["--leave-work"] if leave_work else []))
        with ProgressView(session.console) as progress:
            archive = harvest(hub, order.paths, datetime.now(UTC), progress)
        fetch_reports(hub, order.paths)
        fetched.touch()
    click.echo(f"Everybody's work and grades: {archive}")
    return True


def _leave_machines(session: Organiser, at_home: bool, leave_work: bool) -> None:
    """Machines of a list are not ended: nothing of the class may stay on them but work, unless
    all of it is `at_home`. With `leave_work`, one that can't be reached stops nobody."""
    hosts = [host for host in session.fleet.provider.observe().hosts if host.address is not None]
    logins = session.fleet.logins(hosts)
    left = leave_machines(logins, session.spec.name, keep_work=not at_home)
    if not at_home:
        where = STATE / session.spec.name
        click.echo(f"What people made stays on the machines, in {where}.", err=True)
    if not left:
        return
    told = "\n  ".join(f"{name}: {error.message}" for name, error in sorted(left.items()))
    said = f"On these machines something of the class is left:\n  {told}"
    if not leave_work:
        raise StepFailed(said, next_step="workshop down again")
    click.echo(said, err=True)


def _with_the_way_out(error: WorkshopError) -> StepFailed:
    """The hosts go on, and so does what they cost: that must not be for ever."""
    return StepFailed(
        f"{error.message}\nNo host was ended",
        next_step="repeat `workshop down`; `workshop down --leave-work` ends the hosts without "
        "what can't be fetched",
    )


@click.command("settle", hidden=True)
@click.pass_obj
def settle_here(session: Organiser) -> None:
    """On a hub host: give seats, numbers and keys, and start nothing. `up` asks for it."""
    request = session.request
    if request.facts is None:
        raise NotPossibleHere("This is no hub host", next_step="workshop up")
    refuse_what_stops(look(request, session.today))
    session.paths.root.mkdir(parents=True, exist_ok=True)
    with session.alone(), ProgressView(session.console) as progress:
        order = make_order(request, progress)
        issued = seat_people(order)
        show_codes(session, issued)
        settings = settle(order, issued)
    link_key = (settings.links / "key.pub").read_text().strip() if settings.links else ""
    needs = ForSeatHosts(link_key=link_key, settings=settings)
    write_if_changed(session.paths.hub / FOR_SEAT_HOSTS, needs.model_dump_json(), 0o600)
