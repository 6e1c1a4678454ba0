"""The `seat` commands: who has a place, and the code that opens it."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any, Protocol

import click
from rich.console import Console

from hub_config.cards import CardsHeading, cards_page
from hub_config.hub_host.carried import CarriedGroup
from hub_config.install import write_if_changed
from hub_config.people import ROLES, Person, Role
from hub_config.roster import is_email
from hub_config.screens import codes_table, seats_table
from hub_config.seats import IssueResult, Seat, add_seat, read_register, reissue
from hub_config.spec import WorkshopSpec
from hub_config.up import open_seat
from hub_config.usernames import is_reserved, is_username, slug
from provisioning.paths import StatePaths


class Desk(Protocol):
    """What these commands need of the command line's session."""

    @property
    def paths(self) -> StatePaths: ...
    @property
    def spec(self) -> WorkshopSpec: ...
    @property
    def console(self) -> Console: ...
    @property
    def on_hub_host(self) -> bool:
        """Then pages are fetched to the computer of whoever asked, which says where they are."""


@click.group(cls=CarriedGroup)
def seat() -> None:
    """Who has a seat: list them, add a latecomer, give a new code."""


@seat.command("list")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@click.pass_obj
def list_seats(desk: Desk, as_json: bool) -> None:
    """Every seat. Codes can't be shown again: nobody has them but their owners."""
    seats = read_register(desk.paths.seats).seats
    if as_json:
        click.echo(json.dumps([_facts(each) for each in seats], indent=2))
    else:
        desk.console.print(seats_table(seats))


@seat.command("add")
@click.argument("name")
@click.argument("email", default="")
@click.option("--role", type=click.Choice(ROLES), default="attendee", show_default=True)
@click.option("--username", help="Default: from the e-mail or the name.")
@click.pass_obj
def add(desk: Desk, name: str, email: str, role: Role, username: str | None) -> None:
    """Give one more person a seat, also while the workshop runs.

    NAME goes in quotes; EMAIL may be left out: workshop seat add "Mary Shelley"
    """
    chosen = username or slug(email.partition("@")[0] or name)
    if email and not is_email(email):
        raise click.BadParameter(f"{email!r} is not an e-mail address", param_hint="EMAIL")
    if not is_username(chosen) or is_reserved(chosen):
        raise click.BadParameter(
            f"{chosen!r} can't be a username: choose one with --username, of lower-case "
            "letters, digits and dashes",
            param_hint="NAME",
        )
    result = add_seat(desk.paths.seats, Person(name, email, role, chosen))
    open_seat(desk.paths, chosen)
    _show(desk, result, chosen)


@seat.command("reissue")
@click.argument("username")
@click.pass_obj
def give_new_code(desk: Desk, username: str) -> None:
    """A new code for a lost one.

    USERNAME as in `workshop seat list`. Whoever uses the old code is out within seconds; the
    work stays.
    """
    if read_register(desk.paths.seats).of(username) is None:
        known = "`workshop seat list` shows who has one"
        raise click.BadParameter(f"{username} has no seat: {known}", param_hint="USERNAME")
    _show(desk, reissue(desk.paths.seats, username), username)


def _show(desk: Desk, result: IssueResult, username: str) -> None:
    heading = CardsHeading(desk.spec.name, desk.spec.hub.public_address, desk.spec.date)
    page = desk.paths.home / f"card-{username}.html"
    write_cards(page, heading, result)
    desk.console.print(codes_table(result.new_codes))
    if not desk.on_hub_host:
        click.echo(f"Card to print: {page}")


def show_codes(desk: Desk, issued: IssueResult) -> None:
    """At once: if a later step of `up` fails, the codes are in people's hands all the same."""
    if not issued.new_codes:
        return
    page = desk.paths.home / "cards.html"
    heading = CardsHeading(desk.spec.name, desk.spec.hub.public_address, desk.spec.date)
    write_cards(page, heading, issued)
    desk.console.print(codes_table(issued.new_codes))
    if not desk.on_hub_host:
        click.echo(f"Cards to print, with QR codes: {page}")


def write_cards(page: Path, heading: CardsHeading, result: IssueResult) -> None:
    """Only the owner may read a page of codes."""
    write_if_changed(page, cards_page(heading, result.new_codes), 0o600)


def _facts(each: Seat) -> dict[str, Any]:
    """A seat for programs, without its hash."""
    return {key: value for key, value in dataclasses.asdict(each).items() if key != "code"}
