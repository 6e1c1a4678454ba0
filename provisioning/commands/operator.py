"""What the commands about hosts need of the command line's session, and how they ask."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import date
from typing import Any, Protocol

import click
from rich.console import Console

from provisioning.environments.delivery import Depot
from provisioning.errors import NotPossibleHere
from provisioning.fleet_desk import FleetDesk
from provisioning.progress_view import ProgressView
from provisioning.what_exists import telling_what_exists


class Operator(Protocol):
    """One call of the command line."""

    @property
    def fleet(self) -> FleetDesk:
        """The hosts of the workshop's file. NotPossibleHere when it asks for none."""

    @property
    def depot(self) -> Depot:
        """The environments, for hosts or not."""

    @property
    def console(self) -> Console: ...

    @property
    def day(self) -> date | None:
        """The day of the class, if the file names it."""

    @property
    def today(self) -> date: ...

    def alone(self) -> AbstractContextManager[None]:
        """Hold the workshop's lock: two commands that change it wait for each other."""


as_json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
yes_option = click.option("--yes", is_flag=True, help="Don't ask.")


def progress_view(operator: Operator, *, as_json: bool = False) -> ProgressView:
    """Progress beside the result: where JSON goes to the output, it is told to stderr."""
    return ProgressView(Console(stderr=True) if as_json else operator.console)


@contextmanager
def alone_and_told(operator: Operator) -> Iterator[ProgressView]:
    """Hold the lock, show progress, and say beside a failure what exists and what it costs."""
    with (
        operator.alone(),
        telling_what_exists(operator.fleet),
        progress_view(operator) as progress,
    ):
        yield progress


def print_json(facts: Any) -> None:
    click.echo(json.dumps(facts, indent=2, default=str))


def ask(question: str, yes: bool) -> None:
    """Confirm on a terminal; refuse to guess in a pipe."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise NotPossibleHere(f"{question} Nobody can answer here.", next_step="add --yes")
    click.confirm(question, abort=True)
