"""Seat codes as people get them: a printable page of cards, or rows of a table.

Both are made from new codes, which are known only at the moment they are issued.
"""

from __future__ import annotations

import datetime
import io
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import jinja2
import segno

from hub_config.people import Role
from hub_config.seats import IssuedCode

_TEMPLATES = Path(__file__).parent / "templates"
CARDS_PER_PAGE = 10


@dataclass(frozen=True)
class CardsHeading:
    """What all cards of a workshop share. `address` has no slash at its end."""

    title: str
    address: str
    date: datetime.date | None = None

    @property
    def shown_address(self) -> str:
        """As people type it; browsers add http:// themselves, but not https://."""
        return self.address.removeprefix("http://")

    def link(self, code: str) -> str:
        """Opens the login page with the code filled in; behind the # it reaches no server log."""
        return f"{self.address}/hub/login#code={code}"


@dataclass(frozen=True)
class _Card:
    number: str
    name: str
    role: Role
    code: str
    qr: str


@dataclass(frozen=True)
class SeatRow:
    """One line of the table that is shown once in the terminal."""

    seat: str
    name: str
    role: Role
    username: str
    code: str


def seat_rows(codes: Iterable[IssuedCode]) -> tuple[SeatRow, ...]:
    return tuple(
        SeatRow(f"{c.seat.number:02d}", c.seat.name, c.seat.role, c.seat.username, str(c.code))
        for c in codes
    )


def cards_page(heading: CardsHeading, codes: Iterable[IssuedCode]) -> str:
    """One self-contained HTML page, ten cards on each sheet of A4."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    cards = [
        _Card(row.seat, row.name, row.role, row.code, _qr(heading.link(row.code)))
        for row in seat_rows(codes)
    ]
    sheets = [cards[i : i + CARDS_PER_PAGE] for i in range(0, len(cards), CARDS_PER_PAGE)]
    return environment.get_template("cards.html").render(heading=heading, sheets=sheets)


def _qr(text: str) -> str:
    """Inline SVG that takes the size of the box around it."""
    out = io.BytesIO()
    segno.make(text, error="m", micro=False).save(
        out, kind="svg", xmldecl=False, svgns=True, omitsize=True, border=2, nl=False
    )
    return out.getvalue().decode()
