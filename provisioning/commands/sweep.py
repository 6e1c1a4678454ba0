"""`workshop sweep`: what workshops have left in an AWS account, with no file of theirs at hand."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import click

from provisioning.commands.operator import (
    Operator,
    as_json_option,
    ask,
    print_json,
    progress_view,
    yes_option,
)
from provisioning.commands.screens import inventory_table, leftovers_table
from provisioning.errors import StepFailed
from provisioning.journal import Journal
from provisioning.providers.protocol import LeftBehind

if TYPE_CHECKING:
    from provisioning.providers.ec2.aws import Aws
    from provisioning.providers.ec2.sweep import Leftover, Sweep

#: Asked for the list of regions when none is named; every account has it.
_FIRST_REGION = "us-east-1"


@click.command()
@click.option("--region", "regions", multiple=True, help="Look here only. Default: everywhere.")
@click.option("--profile", help="A profile of ~/.aws/config.")
@click.option("--end", "workshop", help="Take this workshop down, without its file.")
@click.option("--alive", is_flag=True, help="Also when its deadline is still to come.")
@yes_option
@as_json_option
@click.pass_obj
def sweep(
    operator: Operator,
    regions: tuple[str, ...],
    profile: str | None,
    workshop: str | None,
    alive: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Find what workshops have left in this AWS account.

    Looks in all its regions. Needs no workshop.yaml. Ends nothing unless --end names a workshop.
    """
    # boto3 takes a third of a second to import: only who needs it pays.
    from provisioning.providers.ec2.aws import Aws
    from provisioning.providers.ec2.sweep import sweep as look_everywhere

    aws = Aws(regions[0] if regions else _FIRST_REGION, profile=profile)
    found = look_everywhere(aws, now=datetime.now(UTC), regions=regions)
    if workshop is not None:
        _end(operator, aws, found, workshop, even_if_alive=alive, yes=yes)
        return
    if as_json:
        print_json([_facts(each) for each in found.leftovers])
    elif found.leftovers:
        operator.console.print(leftovers_table(found.leftovers))
    else:
        click.echo(f"No workshop has left anything in {len(found.regions)} regions.")
    if found.blind:
        told = "\n  ".join(
            f"{each.region}, {each.kind}: {each.why.message}" for each in found.blind
        )
        raise StepFailed(
            f"Not everything could be looked at:\n  {told}", next_step=found.blind[0].why.next_step
        )


def _facts(leftover: Leftover) -> dict[str, object]:
    return {
        "workshop": leftover.workshop,
        "regions": leftover.regions,
        "alive": leftover.alive,
        "deadline": leftover.deadline,
        "latest": leftover.latest,
        "age": leftover.age,
        "hourly": dataclasses.asdict(leftover.hourly),
        "things": [dataclasses.asdict(thing) for thing in leftover.things],
    }


def _end(
    operator: Operator, aws: Aws, found: Sweep, workshop: str, *, even_if_alive: bool, yes: bool
) -> None:
    from provisioning.providers.ec2.sweep import end_workshop
    from provisioning.providers.ec2.teardown import Teardown

    ask(f"End everything of {workshop}, in every region?", yes)
    # Its own journal may be on another computer; this one is for the steps of this call.
    with TemporaryDirectory(prefix="workshop-sweep-") as folder:
        order = Teardown(workshop, aws, Journal(Path(folder) / "journal.jsonl"))
        try:
            with progress_view(operator) as progress:
                left = end_workshop(order, found, progress, even_if_alive=even_if_alive)
        except LeftBehind as error:
            operator.console.print(inventory_table(error.inventory))
            raise
    operator.console.print(inventory_table(left))
    click.echo("Nothing is left.")
