"""Cards carry what a person needs to sit down, and nothing that a name could smuggle in."""

from __future__ import annotations

import datetime
import re
from pathlib import Path

import segno

from hub_config.cards import CardsHeading, cards_page, seat_rows
from hub_config.people import Person
from hub_config.seats import ensure_seats

HEADING = CardsHeading("Words & <Vectors>", "https://hub.example.org", datetime.date(2026, 12, 1))


def page(tmp_path: Path, *people: Person) -> tuple[str, dict[str, str]]:
    issued = ensure_seats(tmp_path / "seats.json", people).new_codes
    return cards_page(HEADING, issued), {i.seat.username: str(i.code) for i in issued}


def test_a_card_has_number_name_code_address_and_a_link(tmp_path: Path) -> None:
    html, codes = page(tmp_path, Person("Ann Lee", "", "attendee", "ann"))
    assert all(
        part in html
        for part in ["<strong>01</strong>", "Ann Lee", codes["ann"], "https://hub.example.org"]
    )
    assert "1 December 2026" in html
    link = f"https://hub.example.org/hub/login#code={codes['ann']}"
    expected = segno.make(link, error="m", micro=False).svg_inline(omitsize=True, border=2)
    drawing = re.compile(r' d="([^"]+)"')
    assert drawing.search(expected)[1] in html


def test_the_code_stays_out_of_what_a_browser_sends() -> None:
    sent, _, kept = HEADING.link("07-KXRD-MPQV").partition("#")
    assert "KXRD" not in sent
    assert kept == "code=07-KXRD-MPQV"


def test_names_are_text_not_markup(tmp_path: Path) -> None:
    html, _ = page(tmp_path, Person('<img src=x onerror="alert(1)">', "", "attendee", "eve"))
    assert "<img" not in html
    assert "&lt;img" in html
    assert "Words &amp; &lt;Vectors&gt;" in html


def test_the_page_needs_nothing_from_elsewhere(tmp_path: Path) -> None:
    html, _ = page(tmp_path, Person("Ann", "", "attendee", "ann"))
    assert not re.search(r"\b(src|href)=|url\(|@import|<script", html)


def test_ten_cards_share_a_sheet(tmp_path: Path) -> None:
    people = [Person(f"P{n}", "", "attendee", f"p{n}") for n in range(21)]
    html, _ = page(tmp_path, *people)
    assert html.count('<section class="sheet">') == 3
    assert html.count('<article class="card">') == 21


def test_rows_for_the_terminal_are_in_the_order_of_seats(tmp_path: Path) -> None:
    people = [Person("Ada", "", "instructor", "ada"), Person("Ann", "", "attendee", "ann")]
    issued = ensure_seats(tmp_path / "seats.json", people).new_codes
    rows = seat_rows(issued)
    assert [(row.seat, row.name, row.role) for row in rows] == [
        ("01", "Ann", "attendee"),
        ("901", "Ada", "instructor"),
    ]
    assert rows[0].code.startswith("01-")
