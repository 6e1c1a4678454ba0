"""A spec is typed by tired people: each mistake is one message with file, line and key."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field

from provisioning.errors import BadInput
from provisioning.spec_file import place_of, read_spec
from provisioning.spec_types import Day, FilePath, Size, SpecModel


class Lab(SpecModel):
    name: str = Field(description="the name of a lab")


class Inner(SpecModel):
    memory: Size = Field(2048, ge=1024, description="a size, such as 2G")
    title: str | None = Field(None, description="some text")


class Outer(SpecModel):
    name: str = Field(description="a name")
    count: int = Field(3, description="a whole number, such as 3")
    date: Day | None = Field(None, description="a day, such as 2026-12-01")
    folder: FilePath | None = Field(None, description="a path")
    inner: Inner | None = Field(None, description="keys and values")
    labs: tuple[Lab, ...] = Field((), strict=False, description="a list of labs")


def write(folder: Path, text: str | bytes) -> Path:
    path = folder / "spec.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


@pytest.mark.parametrize(
    ("text", "where", "found", "wanted"),
    [
        ("", "", "found an empty file", "write at least `name:`"),
        ("# just a comment\n", "", "found an empty file", "write at least `name:`"),
        ("\n- a\n", ", line 2", "found a list", "write at least `name:`"),
        ("name demo\n", ", line 1", 'found "name demo"', "write at least `name:`"),
        (
            "name: a\nnmae: b\n",
            ", line 2, nmae",
            "found the unknown key `nmae`",
            "write `name`",
        ),
        (
            "name: a\ninner:\n  memroy: 2G\n",
            ", line 3, inner.memroy",
            "found the unknown key `memroy`",
            "write `memory`",
        ),
        (
            "name: a\ninner: {zzz: 1}\n",
            ", line 2, inner.zzz",
            "found the unknown key `zzz`",
            "write one of memory, title",
        ),
        ("count: 3\n", ", name", "found no `name`", "write `name:` with a name"),
        (
            "name: a\n\ncount: eight\n",
            ", line 3, count",
            'found "eight"',
            "write a whole number, such as 3",
        ),
        (
            "name: a\ncount: yes\n",
            ", line 2, count",
            "found true",
            "write a whole number, such as 3",
        ),
        (
            "name: a\ncount: 1.5\n",
            ", line 2, count",
            "found 1.5",
            "write a whole number, such as 3",
        ),
        ("name: 2026\n", ", line 1, name", "found 2026", "write a name"),
        ("name:\n", ", line 1, name", "found nothing", "write a name"),
        ("name: [a]\n", ", line 1, name", "found a list", "write a name"),
        ("name: a\ninner: 5\n", ", line 2, inner", "found 5", "write keys and values"),
        (
            "name: a\ninner: {memory: 2 gigs}\n",
            ", line 2, inner.memory",
            'found "2 gigs"',
            "write a size, such as 2G",
        ),
        (
            "name: a\nlabs:\n- name: b\n- {nam: c}\n",
            ", line 4, labs[1].name",
            "found no `name` (and 1 more mistake below)",
            "write `name:` with the name of a lab",
        ),
        (
            "name: a\ndate: 2026-13-45\n",
            ", line 2, date",
            "found '2026-13-45', which can't be read",
            "write a date as 2026-12-01; put any other text in quotes",
        ),
        (
            "name: a\ndate: 20261201\n",
            ", line 2, date",
            "found 20261201",
            "write a day, such as 2026-12-01",
        ),
        (
            "name: a\ndate: 2026-12-01 09:00:00\n",
            ", line 2, date",
            'found "2026-12-01 09:00:00"',
            "write a day, such as 2026-12-01",
        ),
        (
            "name: a\ncount: 1\nname: b\n",
            ", line 3, name",
            "found the key `name` again; it is already in line 1",
            "remove one of them",
        ),
        ("name: a\ninner:\n\tmemory: 2G\n", ", line 3", "found a tab", "indent with spaces"),
        (
            "name: a: b\n",
            ", line 1",
            "found no YAML here: mapping values are not allowed here",
            "write `key: value`, one per line; put text that holds `: ` or ` #` in quotes",
        ),
        ("name: a\n---\nname: b\n", ", line 2", "found a second document", "remove the line `---`"),
        ("name: &x a\nfolder: *x\n", ", line 2", "found the alias *x", "write the value out"),
        ("name: \x08\n", ", line 1", "found the character U+0008", "remove it; it can't be seen"),
        (
            "name: !!python/name:os.system a\n",
            ", line 1, name",
            "found 'a', which can't be read",
            "write a date as 2026-12-01; put any other text in quotes",
        ),
        (
            "count: " + "9" * 5000 + "\n",
            ", line 1, count",
            "found '" + "9" * 40 + "', which can't be read",
            "write a date as 2026-12-01; put any other text in quotes",
        ),
        (
            b"name: a\nfolder: Universit\xe4t\n",
            ", line 2",
            "found byte 0xE4, which is not UTF-8 text",
            "save the file as UTF-8 (in Excel: file type 'CSV UTF-8')",
        ),
        (
            "name: a\n".encode("utf-16"),
            "",
            "found UTF-16 text",
            "save the file as UTF-8 (in Excel: file type 'CSV UTF-8')",
        ),
        (
            b"name: a\nx: \0\n",
            ", line 2",
            "found a zero byte",
            "write a plain text file; this looks like another kind of file",
        ),
        (
            b"#" * 70_000,
            "",
            "found more than 64 KiB",
            "write at most 64 KiB; is this the right file?",
        ),
    ],
)
def test_a_mistake_is_one_message(
    tmp_path: Path, text: str | bytes, where: str, found: str, wanted: str
) -> None:
    path = write(tmp_path, text)
    with pytest.raises(BadInput) as caught:
        read_spec(path, Outer)
    assert str(caught.value) == f"{path}{where}: {found}"
    assert caught.value.next_step == wanted


def test_the_first_mistake_comes_first_and_the_others_are_counted(tmp_path: Path) -> None:
    path = write(tmp_path, "name: a\nnope: 1\ncount: x\ndate: y\n")
    with pytest.raises(BadInput, match=r"line 2, nope: found the unknown key .* \(and 2 more mist"):
        read_spec(path, Outer)


def test_deep_nesting_is_refused_not_followed(tmp_path: Path) -> None:
    path = write(tmp_path, "name: " + "[" * 20_000 + "]" * 20_000)
    with pytest.raises(BadInput, match="line 1: found more than 20 levels, one inside the other"):
        read_spec(path, Outer)


@pytest.mark.parametrize(
    "text", ["\ufeffname: a\r\ncount: 4\r\n", "name: a\rcount: 4\r", "{name: a, count: 4}"]
)
def test_windows_line_ends_and_byte_order_marks_are_no_mistake(tmp_path: Path, text: str) -> None:
    spec = read_spec(write(tmp_path, text), Outer)
    assert (spec.name, spec.count) == ("a", 4)


@pytest.mark.parametrize(
    ("written", "size"),
    [
        ("2G", 2 * 2**30),
        ("512 MB", 512 * 2**20),
        ("1.5GiB", 3 * 2**29),
        ("2048", 2048),
        ("1k", 1024),
    ],
)
def test_sizes_are_bytes(tmp_path: Path, written: str, size: int) -> None:
    spec = read_spec(write(tmp_path, f"name: a\ninner: {{memory: {written}}}\n"), Outer)
    assert spec.inner is not None
    assert spec.inner.memory == size


def test_a_missing_file_a_folder_and_a_pipe_are_told_apart(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for path, found in [
        (tmp_path / "none.yaml", "found no such file"),
        (tmp_path, "found a folder"),
        (pipe, "found no regular file"),
        (tmp_path / ("n" * 300), "found file name too long"),
    ]:
        with pytest.raises(BadInput) as caught:
            read_spec(path, Outer)
        assert str(caught.value) == f"{path}: {found}"


def test_a_place_names_the_line_of_a_key_or_of_what_is_around_it(tmp_path: Path) -> None:
    path = write(tmp_path, "name: a\ninner:\n  memory: 2G\n")
    assert str(place_of(path, "inner.memory")) == f"{path}, line 3, inner.memory"
    assert str(place_of(path, "inner.title")) == f"{path}, line 2, inner.title"


@given(st.one_of(st.binary(max_size=300), st.text(max_size=300).map(str.encode)))
def test_any_bytes_are_a_spec_or_one_message(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    path = write(tmp_path_factory.mktemp("any"), data)
    with contextlib.suppress(BadInput):
        read_spec(path, Outer)
