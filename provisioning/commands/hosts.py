"""The `host` commands: list, run a command, read logs, replace one."""

from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Mapping

import click

from provisioning.commands.operator import (
    Operator,
    alone_and_told,
    as_json_option,
    ask,
    print_json,
    yes_option,
)
from provisioning.commands.screens import hosts_table
from provisioning.errors import StepFailed, WorkshopError
from provisioning.fleet import ROLES, Fleet, Host, Role
from provisioning.fleet_up import FleetUp
from provisioning.fleet_work import replace_one
from provisioning.operate import Ran, hosts_now, known_logins, read_logs, run_on_hosts


@click.group()
def host() -> None:
    """The hosts: list, run a command, read logs, replace one."""


@host.command("list")
@as_json_option
@click.pass_obj
def list_hosts(operator: Operator, as_json: bool) -> None:
    """Every host: where it is, whether it answers, what it costs, when it ends itself."""
    found = hosts_now(operator.fleet)
    if as_json:
        print_json([dataclasses.asdict(each) for each in found])
    else:
        operator.console.print(hosts_table(found))


# What follows the first word of the command belongs to it, options too.
@host.command("exec", context_settings={"allow_interspersed_args": False})
@click.argument("command", nargs=-1, required=True)
@click.option("--on", "names", multiple=True, help="A host; may be repeated. Default: all.")
@click.option("--role", type=click.Choice(ROLES), help="Only the hosts of this role.")
@click.option(
    "--seconds",
    default=60.0,
    show_default=True,
    type=click.FloatRange(1, 86400),
    help="How long each host may take.",
)
@as_json_option
@click.pass_obj
def execute(
    operator: Operator,
    command: tuple[str, ...],
    names: tuple[str, ...],
    role: Role | None,
    seconds: float,
    as_json: bool,
) -> None:
    """Run a command as root on the hosts, all at once.

    \b
    Examples:
      workshop host exec --role gpu nvidia-smi -L
      workshop host exec --on gpu-03 df -h /
      workshop host exec 'uptime; free -g'
    """
    desk = operator.fleet
    fleet = desk.provider.observe()
    chosen = desk.chosen(fleet, names)
    say_left_out(fleet, chosen if not names else fleet.hosts)
    hosts = tuple(each for each in chosen if role in (None, each.role))
    # One word is a line for the shell, several are the words of one command.
    line = command[0] if len(command) == 1 else shlex.join(command)
    logins, unknown = known_logins(desk, hosts)
    results = {**unknown, **run_on_hosts(logins, line, seconds=seconds)}
    if as_json:
        print_json({name: _facts(each) for name, each in results.items()})
    else:
        _say(results)
    refuse_failures(results, len(hosts))


def say_left_out(fleet: Fleet, chosen: tuple[Host, ...]) -> None:
    """`all hosts` means all that run: the others are named."""
    for host in fleet.hosts:
        if host not in chosen:
            click.echo(f"{host.name} is {host.state}: left out", err=True)


def _facts(result: Ran | WorkshopError) -> dict[str, object]:
    match result:
        case Ran():
            return dataclasses.asdict(result)
        case error:
            return {"error": error.message, "next_step": error.next_step}


def _say(results: Mapping[str, Ran | WorkshopError]) -> None:
    for name, result in sorted(results.items()):
        match result:
            case Ran():
                for line in result.output.splitlines() or [""]:
                    click.echo(f"{name}  {line}")
            case error:
                click.echo(f"{name}  {error}", err=True)


def refuse_failures(results: Mapping[str, Ran | WorkshopError], hosts: int) -> None:
    failed = sorted(
        name
        for name, result in results.items()
        if isinstance(result, WorkshopError) or result.status != 0
    )
    if failed:
        raise StepFailed(
            f"It failed on {len(failed)} of {hosts} hosts: {', '.join(failed)}",
            next_step="what each of them said stands above; --on or --role chooses hosts",
        )


@host.command()
@click.argument("name")
@click.option("--lines", default=100, show_default=True, type=click.IntRange(1, 10_000))
@click.option("--console", "from_console", is_flag=True, help="What the machine's console said.")
@click.pass_obj
def logs(operator: Operator, name: str, lines: int, from_console: bool) -> None:
    """The last lines of a host's first boot and of its system log."""
    desk = operator.fleet
    (chosen,) = desk.chosen(desk.provider.observe(), (name,))
    if from_console:
        click.echo(desk.provider.console(name))
        return
    try:
        click.echo(read_logs(desk.threshold.login(chosen), lines))
    except WorkshopError as error:
        raise StepFailed(
            f"{name}'s logs can't be read: {error.message}",
            next_step=f"workshop host logs {name} --console",
        ) from error


@host.command()
@click.argument("name")
@yes_option
@click.pass_obj
def replace(operator: Operator, name: str, yes: bool) -> None:
    """Put another machine in the place of NAME. What is on the old one's disk is gone."""
    ask_to_replace(operator, name, yes)
    replace_place(operator, name)


def ask_to_replace(operator: Operator, name: str, yes: bool) -> None:
    """Before anything is done. NotPossibleHere for a place that the file doesn't know."""
    operator.fleet.place(name)
    ask(f"{name} is ended for good, with everything on its disk. Replace it?", yes)


def replace_place(operator: Operator, name: str) -> FleetUp:
    """What `host replace` does; the new machine, ready and furnished."""
    with alone_and_told(operator) as progress:
        found = replace_one(operator.fleet, name, progress)
    if name in found.problems:
        raise found.problems[name]
    click.echo(f"{name} is another machine now, at {found.fleet.hosts[0].address}.")
    return found
