"""Commands that are carried to the hub host: the same words, its output, its exit status."""

from __future__ import annotations

import codecs
import os
import shutil
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import Any, Final, Protocol

import click

from hub_config.hub_host.bringing_up import HubOrder, bring_given, fetch_cards, on_hub_host
from hub_config.hub_host.harvest import fetch_reports
from hub_config.hub_host.hub_host import HubHost, Screen
from provisioning.errors import NotPossibleHere
from provisioning.ssh.errors import SshError

_WORDS: Final = "workshop.words"
#: It writes a page besides what it says.
REHEARSE, PAGE = "rehearse", "rehearsal.html"


class Carrier(Protocol):
    """What a carried command needs of the command line's session."""

    @property
    def hub_order(self) -> HubOrder | None:
        """None where the hub is on this machine."""


class CarriedCommand(click.Command):
    """Runs where the hub is. Its own words are checked here, before anything is sent."""

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: click.Context | None = None,
        **extra: Any,
    ) -> click.Context:
        words = tuple(args)
        ctx = super().make_context(info_name, args, parent, **extra)
        ctx.meta[_WORDS] = (self.name or "", *words)
        return ctx

    def invoke(self, ctx: click.Context) -> Any:
        carrier: Carrier = ctx.obj
        order = carrier.hub_order
        words: tuple[str, ...] = ctx.meta[_WORDS]
        if order is None or wants_help(words):
            return super().invoke(ctx)
        return carry(order, words)


class CarriedGroup(CarriedCommand, click.Group):
    """All commands of a group."""


def wants_help(words: tuple[str, ...]) -> bool:
    return "--help" in words or "-h" in words


def carry(order: HubOrder, words: tuple[str, ...]) -> None:
    """Run `workshop WORDS` on the hub host; what it made for the instructor comes here."""
    with on_hub_host(order) as hub:
        refuse_unfitted(hub)
        bring_given(order, hub)
        try:
            status = hub.carry(words, on_our_clock(this_screen()))
        finally:
            # Also after a failure: codes that were given are in no other place.
            with suppress(SshError):
                show_cards(order, hub)
        if words[0] == REHEARSE:
            click.echo(f"Its page on this computer: {fetch_reports(hub, order.paths) / PAGE}")
    if status != 0:
        raise click.exceptions.Exit(status)


def refuse_unfitted(hub: HubHost) -> None:
    if not hub.is_installed():
        raise NotPossibleHere(
            f"There is no hub on the hub host of {hub.workshop} yet", next_step="workshop up"
        )


def show_cards(order: HubOrder, hub: HubHost) -> None:
    for page in fetch_cards(hub, order.paths):
        click.echo(f"To print, with QR codes: {page}")


def this_screen() -> Screen:
    """Our own terminal, with its width and its colours if it is one."""
    return Screen(_writer(sys.stdout), _writer(sys.stderr), _terminal())


def on_our_clock(screen: Screen) -> Screen:
    """`--at 08:30` is meant as the instructor's own clock shows it; hosts in a cloud keep UTC."""
    offset = datetime.now().astimezone().strftime("%z")
    # In this variable the sign says how far UTC is from here, not the other way round.
    sign = "-" if offset.startswith("+") else "+"
    zone = f"<{offset[:5]}>{sign}{offset[1:3]}:{offset[3:5]}"
    return replace(screen, environment={**screen.environment, "TZ": zone})


def _terminal() -> dict[str, str]:
    if not sys.stdout.isatty():
        return {}
    width = shutil.get_terminal_size().columns
    return {"FORCE_COLOR": "1", "COLUMNS": str(width), "TERM": os.environ.get("TERM", "xterm")}


def _writer(stream: Any) -> Callable[[bytes], None]:
    # A character may come in two pieces.
    decode = codecs.getincrementaldecoder("utf-8")(errors="replace").decode

    def write(said: bytes) -> None:
        stream.write(decode(said))
        stream.flush()

    return write
