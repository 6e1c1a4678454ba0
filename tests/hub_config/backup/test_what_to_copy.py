"""What is copied of a home that is too large: what was worked on first, and never too much."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub_config.backup.errors import CopyFailed
from hub_config.backup.listing import Listing, read_listing
from hub_config.backup.what_to_copy import Entry, choose, shown

NAMES = st.binary(min_size=1, max_size=30).map(lambda name: b"./" + name.replace(b"\0", b"0"))
ENTRIES = st.lists(
    st.builds(Entry, NAMES, *(st.integers(0, 10**6) for _ in range(4))),
    max_size=30,
    unique_by=lambda entry: entry.path,
)
FOUND = (
    b'{"files":1,"bytes":1,"left_out_files":0,"left_out_bytes":0,"largest_left_out":[],'
    b'"unreadable":0,"special":0,"unfinished":false}\n'
)


def listing(*entries: Entry) -> Listing:
    return read_listing(FOUND + b"".join(entry.record() for entry in entries))


def file(path: bytes, size: int = 1, changed: int = 1) -> Entry:
    return Entry(path, size, 1, changed, 1)


@given(ENTRIES, st.integers(0, 10**7), st.integers(0, 30))
def test_never_more_than_a_home_may_have_and_nothing_is_forgotten(
    files: list[Entry], most_bytes: int, most_files: int
) -> None:
    chosen, left_out = choose(files, most_bytes, most_files)
    assert sum(entry.size for entry in chosen) <= most_bytes
    assert len(chosen) <= most_files
    assert sorted(chosen + left_out) == sorted(files)


def test_notebooks_then_what_lies_beside_them_then_the_rest_each_small_before_large() -> None:
    wanted = [
        file(b"./lab/b.ipynb", 1),
        file(b"./lab/a.ipynb", 5),
        file(b"./lab/data.csv", 9),
        file(b"./small.txt", 1),
        file(b"./large.bin", 7),
    ]
    assert choose(reversed(wanted), 100, 100)[0] == wanted


@given(ENTRIES)
def test_any_name_comes_through_a_listing_as_it_is(files: list[Entry]) -> None:
    names = listing(*files).names()
    assert names == b"".join(sorted(entry.path + b"\0" for entry in files))


@pytest.mark.parametrize(
    "said",
    [b"", b"{}", b"[]\n", FOUND[:-1], FOUND + b"1 2 3 ./name\0", FOUND + b"1 2 3 4 ./cut off"],
)
def test_an_answer_that_is_no_listing_is_refused_in_words(said: bytes) -> None:
    with pytest.raises(CopyFailed, match="can't be understood"):
        read_listing(said)


@given(st.binary(max_size=300))
def test_a_name_is_shown_in_one_short_line(name: bytes) -> None:
    said = shown(b"./" + name)
    assert len(said) <= 100
    assert said.isprintable()


def test_a_database_counts_as_changed_when_any_of_its_files_has() -> None:
    before = listing(file(b"./a.db"), file(b"./a.db-wal"), file(b"./n.ipynb"), file(b"./log"))
    after = listing(
        file(b"./a.db"),
        file(b"./a.db-wal", changed=2),
        file(b"./n.ipynb"),
        file(b"./log", changed=2),
    )
    assert after.moving(before) == b"./a.db\0"
    assert after.moving(after) == b""


def test_a_home_that_has_not_changed_has_the_same_digest_in_any_order() -> None:
    one, two = file(b"./one"), file(b"./two")
    assert listing(one, two).digest == listing(two, one).digest
    assert listing(one, two).digest != listing(one, file(b"./two", changed=2)).digest
