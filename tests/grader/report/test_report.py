"""The page: self-contained, accessible, small, and hostile text stays text."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from grader.grid import build_grid
from grader.plain_text import readable
from grader.report import render_page, write_report
from grader.results import (
    Attendee,
    CellResult,
    ClassResults,
    Exercise,
    Lab,
    SubmissionResult,
)

START = datetime(2026, 12, 1, 9, 0, tzinfo=UTC)


class Page(HTMLParser):
    """What a browser would find: elements with their attributes, and the text outside styles."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        if self.elements[-1:] and self.elements[-1][0] not in ("style", "script"):
            self.text += data

    def shape(self) -> list[str]:
        return [tag for tag, _ in self.elements]


def page_of(results: ClassResults) -> str:
    return render_page(results, build_grid(results))


def with_first_name(results: ClassResults, name: str) -> ClassResults:
    first, *others = results.attendees
    return replace(results, attendees=(replace(first, name=name), *others))


def test_the_page_and_the_csv_agree(
    tmp_path: Path, made_up_class: Callable[..., ClassResults]
) -> None:
    files = write_report(made_up_class(), tmp_path / "report")
    rows = re.findall(
        r'<tr><th scope="row">.*?<span class="dim name">(.*?)</span></th>(.*?)</tr>',
        files.html.read_text(encoding="utf-8"),
        flags=re.DOTALL,
    )
    shown = {
        username: [re.sub(r"<.*?>", "", cell) for cell in re.findall(r"<td.*?>(.*?)</td>", cells)]
        for username, cells in rows
    }
    with files.csv.open(encoding="utf-8-sig", newline="") as source:
        table = list(csv.DictReader(source))
    assert len(shown) == 12
    assert len(table) == 36
    for username, cells in shown.items():
        scores = [row["score"] or "–" for row in table if row["attendee"] == username]
        assert cells[:3] == scores


@pytest.fixture
def plain_shape(class_of_four: ClassResults) -> list[str]:
    return Page(page_of(class_of_four)).shape()


#: Plain random text hardly ever spells a tag, so its pieces are offered whole.
PIECES = ("<", ">", "<b>", "</span>", "</table>", "<!--", "-->", '"', "'", "&", "&lt;", "]]>", "=")
hostile_names = st.lists(st.sampled_from(PIECES) | st.text(max_size=4), max_size=20).map("".join)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(name=hostile_names)
def test_no_name_changes_the_shape_of_the_page(
    name: str, class_of_four: ClassResults, plain_shape: list[str]
) -> None:
    assert Page(page_of(with_first_name(class_of_four, name))).shape() == plain_shape


ATTACKS = (
    "<script>alert(1)</script>",
    "</title></style></script><img src=x onerror=alert(1)>",
    '" onmouseover="alert(1)',
    "' autofocus onfocus='alert(1)",
    "<!--",
    "]]></svg><iframe>",
    "{{ 7 * 7 }}",
    "a\x00b\u202ec\ud800d",
)


@pytest.mark.parametrize("attack", ATTACKS)
def test_hostile_text_stays_text_wherever_it_comes_from(attack: str, tmp_path: Path) -> None:
    def attacked(text: str) -> ClassResults:
        lab = Lab("one", text, (Exercise("one", "a", text, 1), Exercise("one", "b", text, 1)))
        failed = CellResult(lab.exercises[0], "failed", 0, text, text)
        unknown = CellResult(lab.exercises[1], "not judged", 0, text)
        handed_in = SubmissionResult("ann", "one", START, (failed, unknown))
        person = Attendee("ann", text)
        return ClassResults(text, text, START, (lab,), (person,), (handed_in,))

    page = Page(write_report(attacked(attack), tmp_path).html.read_text(encoding="utf-8"))
    harmless = Page(page_of(attacked("harmless")))
    assert page.shape() == harmless.shape()
    names = {name for _, attributes in page.elements for name in attributes}
    assert not [name for name in names if name.startswith("on")]
    assert readable(attack) in page.text


def test_the_page_needs_nothing_from_outside(any_class: ClassResults) -> None:
    html = page_of(any_class)
    for tag, attributes in Page(html).elements:
        assert tag not in ("link", "img", "iframe", "object", "embed", "base", "form")
        assert "style" not in attributes, "the policy would not allow it"
        assert (attributes.get("href") or "#").startswith("#")
        assert "src" not in attributes
    assert not re.search(r"url\(|@import|https?:|//\w+\.", html)


def test_the_policy_allows_our_style_and_script_alone(class_of_four: ClassResults) -> None:
    elements = Page(page_of(class_of_four)).elements
    (policy,) = [a["content"] for t, a in elements if t == "meta" and "http-equiv" in a]
    assert re.fullmatch(
        r"default-src 'none'; style-src 'sha256-\S{44}'; script-src 'sha256-\S{44}'; "
        r"base-uri 'none'; form-action 'none'",
        policy or "",
    )


def test_tables_have_captions_drawings_have_names_and_links_lead_somewhere(
    any_class: ClassResults,
) -> None:
    elements = Page(page_of(any_class)).elements
    shape = [tag for tag, _ in elements]
    assert shape.count("table") == shape.count("caption")
    assert shape.count("h1") == 1
    ids = [attributes["id"] for _, attributes in elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    for _, attributes in elements:
        if attributes.get("role") == "img":
            assert attributes.get("aria-label") or attributes.get("aria-labelledby") in ids
        if "href" in attributes:
            assert (attributes["href"] or "")[1:] in ids


def test_a_class_without_submissions_says_so(made_up_class: Callable[..., ClassResults]) -> None:
    results = replace(made_up_class(), submissions=())
    assert "nothing has been handed in yet" in page_of(results)
    assert "Nobody is on the roster yet" in page_of(replace(results, attendees=()))


def test_300_attendees_and_60_exercises_stay_within_a_megabyte_and_a_half(
    made_up_class: Callable[..., ClassResults],
) -> None:
    results = made_up_class(attendees=300, extra_exercises=23)
    assert sum(len(lab.exercises) for lab in results.labs) == 61
    assert len(page_of(results).encode()) < 1_500_000


def test_a_class_that_fails_everything_differently_stays_as_small(
    made_up_class: Callable[..., ClassResults],
) -> None:
    results = made_up_class(attendees=300, extra_exercises=23)
    submissions = tuple(
        replace(
            handed_in,
            cells=tuple(
                replace(cell, verdict="failed", reason=f"{handed_in.attendee} {cell} " + "x" * 5000)
                for cell in handed_in.cells
            ),
        )
        for handed_in in results.submissions
    )
    assert len(page_of(replace(results, submissions=submissions)).encode()) < 1_500_000


def test_times_are_those_of_the_class_on_the_page_and_utc_in_the_csv(
    tmp_path: Path, class_of_four: ClassResults
) -> None:
    files = write_report(class_of_four, tmp_path)
    assert "1 Dec, 10:00" in files.html.read_text(encoding="utf-8")
    assert "2026-12-01T09:00:00Z" in files.csv.read_text(encoding="utf-8-sig")


def test_writing_again_replaces_both_files_and_leaves_nothing_else(
    tmp_path: Path, class_of_four: ClassResults, made_up_class: Callable[..., ClassResults]
) -> None:
    write_report(made_up_class(), tmp_path)
    files = write_report(class_of_four, tmp_path)
    assert "A tiny course" in files.html.read_text(encoding="utf-8")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["grades.csv", "report.html"]


def test_an_unsealed_lab_has_a_badge_at_its_heading_and_in_the_table_heads(
    class_of_four: ClassResults,
) -> None:
    assert ">unsealed<" not in page_of(class_of_four)
    one, two = class_of_four.labs
    page = page_of(replace(class_of_four, labs=(one, replace(two, sealed=False))))
    badge = '<b class="unsealed">unsealed</b>'
    heads = re.findall(r"<(?:th|h3)[^>]*>(?:<span>)?" + badge + r"\s*<bdi>(.*?)</bdi>", page)
    assert sorted(heads) == ["Lab two", "Lab two", "two"]
    assert page.count("in the attendees’ own processes") == 1


def test_a_single_unsealed_lab_is_named_above_its_squares(class_of_four: ClassResults) -> None:
    _, two = class_of_four.labs
    own = tuple(each for each in class_of_four.submissions if each.lab == "two")
    page = page_of(replace(class_of_four, labs=(replace(two, sealed=False),), submissions=own))
    assert re.search(r'class="lab"><span><b class="unsealed">unsealed</b>\s*<bdi>Lab two', page)
