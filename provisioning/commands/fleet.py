"""The commands about all hosts: plan, access, extend, stop, start, sweep; and what `up`, `status`
and `down` do for a workshop that has hosts."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta
from functools import partial

import click

from provisioning.commands.operator import Operator, alone_and_told, as_json_option, ask, print_json
from provisioning.commands.screens import hosts_table, inventory_table, plan_page, problem_lines
from provisioning.deadlines import extend_deadline
from provisioning.errors import StepFailed
from provisioning.fleet_desk import FleetDesk
from provisioning.fleet_up import FleetUp
from provisioning.fleet_work import start_again, up_whole
from provisioning.forgetting import forget_secrets
from provisioning.operate import hosts_now
from provisioning.planning import look_and_plan, refuse_red
from provisioning.progress_view import ProgressView
from provisioning.providers.protocol import Inventory, LeftBehind
from provisioning.what_exists import telling_what_exists, what_exists


@click.command()
@as_json_option
@click.pass_obj
def plan(operator: Operator, as_json: bool) -> None:
    """What `up` would create and cost; creates nothing.

    Ends in a verdict: can this account have it? Run it days ahead: AWS takes days to raise
    a quota.
    """
    found = look_and_plan(operator.fleet, operator.day, operator.today)
    if as_json:
        print_json(found.as_json())
    else:
        operator.console.print(plan_page(found))
    refuse_red(found)


def bring_up_hosts(operator: Operator, yes: bool) -> FleetUp:
    """`up`: what the plan says, then hosts that are ready. The caller holds the lock, and refuses
    what has become a problem."""
    desk = operator.fleet
    found = look_and_plan(desk, operator.day, operator.today)
    refuse_red(found)
    if not found.nothing_to_do:
        operator.console.print(plan_page(found))
        ask(f"Create these hosts, for {found.cost.hourly.dollars()} an hour?", yes)
    with telling_what_exists(desk), ProgressView(operator.console) as progress:
        up = up_whole(desk, progress)
    operator.console.print(hosts_table(hosts_now(desk)))
    click.echo(f"{len(up.ready)} of {len(desk.wanted)} hosts are ready.")
    return up


def refuse_problems(desk: FleetDesk, up: FleetUp) -> None:
    """StepFailed: what is missing and why, what there is costs, and what to type."""
    if not up.problems:
        return
    told = "\n  ".join(problem_lines(up.problems))
    name, first = next(iter(sorted(up.problems.items())))
    raise StepFailed(
        f"These hosts are not ready; the others can be used:\n  {told}\n{what_exists(desk)}",
        next_step=first.next_step or f"`workshop up` again, or `workshop host replace {name}`",
    )


def hosts_status(operator: Operator, as_json: bool) -> None:
    """`status` of the hosts: what the cloud says, and what they say of themselves."""
    found = hosts_now(operator.fleet)
    if as_json:
        print_json({"hosts": [dataclasses.asdict(each) for each in found]})
    else:
        operator.console.print(hosts_table(found))
        there = sum(each.answers for each in found)
        click.echo(f"{there} of {len(operator.fleet.wanted)} hosts answer.")


def take_hosts_down(operator: Operator, yes: bool, regions: tuple[str, ...] = ()) -> None:
    """`down`: end every host, delete all that is ours, and prove it by another listing."""
    desk = operator.fleet
    ask(f"End every host of {desk.request.workshop}, with what is on their disks?", yes)
    try:
        with operator.alone(), ProgressView(operator.console) as progress:
            down = partial(desk.ec2.down, regions=regions) if regions else desk.provider.down
            left = down(progress)
            if left.empty:
                forget_secrets(desk.state)
    except LeftBehind as error:
        operator.console.print(inventory_table(error.inventory))
        raise
    operator.console.print(inventory_table(left))
    refuse_leftovers(left)
    click.echo("Nothing is left.")


def refuse_leftovers(left: Inventory) -> None:
    """A provider may end without an error and still have something left to show."""
    if not left.empty:
        what = ", ".join(f"{each.kind} {each.id}" for each in left.left)
        raise LeftBehind(f"These are left: {what}", left, next_step="run `workshop down` again")


@click.group()
def access() -> None:
    """Who may reach the hosts and the hub."""


@access.command()
@click.pass_obj
def refresh(operator: Operator) -> None:
    """Let in the address you have now, and nobody from the old one.

    Needed when `access: auto` was resolved somewhere else: at home yesterday, on campus today.
    """
    with operator.alone():
        before, after = operator.fleet.ec2.access_refresh()
    if before == after:
        click.echo(f"Nothing to do: {', '.join(after)} may reach the hosts.")
        return
    click.echo(
        f"{', '.join(after)} may reach the hosts now; before: {', '.join(before) or 'nobody'}."
    )


@click.command()
@click.argument("minutes", type=click.IntRange(5, 7 * 24 * 60), default=30)
@click.pass_obj
def extend(operator: Operator, minutes: int) -> None:
    """Let the hosts live longer, by MINUTES (default: 30)."""
    desk = operator.fleet
    with operator.alone():
        deadline, problems = extend_deadline(desk, timedelta(minutes=minutes), datetime.now(UTC))
    click.echo(f"The hosts end themselves at {deadline:%Y-%m-%d %H:%M} UTC.")
    if problems:
        told = "\n  ".join(f"{name}: {error.message}" for name, error in sorted(problems.items()))
        raise StepFailed(
            f"These still end at their old time:\n  {told}",
            next_step="workshop host list, then extend again",
        )


@click.command("stop")
@click.option("--on", "names", multiple=True, help="A host; may be repeated. Default: all.")
@click.pass_obj
def stop_hosts(operator: Operator, names: tuple[str, ...]) -> None:
    """Stop hosts overnight; until `start`, only their disks cost."""
    desk = operator.fleet
    with alone_and_told(operator) as progress:
        hosts = desk.chosen(desk.provider.observe(), names)
        desk.provider.stop(tuple(each.name for each in hosts), progress)
    click.echo(f"Stopped {len(hosts)} hosts. Their disks cost money until `workshop down`.")


@click.command("start")
@click.option("--on", "names", multiple=True, help="A host; may be repeated. Default: all.")
@click.pass_obj
def start_hosts(operator: Operator, names: tuple[str, ...]) -> None:
    """Start stopped hosts, and find their new addresses."""
    desk = operator.fleet
    with alone_and_told(operator) as progress:
        found = start_again(desk, names, progress)
    operator.console.print(hosts_table(hosts_now(desk)))
    if found.problems:
        name, error = next(iter(sorted(found.problems.items())))
        raise StepFailed(f"{name}: {error.message}", next_step=error.next_step)
