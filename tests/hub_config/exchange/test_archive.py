"""Archives: the same folder gives the same bytes; a hostile archive does no harm."""

from __future__ import annotations

import io
import os
import random
import stat
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hub_config.exchange.archive import Limits, check, pack, read_member, unpack
from hub_config.exchange.errors import BadArchive, TooLarge
from hub_config.exchange.member_names import check_name

LIMITS = Limits(files=20, file_bytes=100_000, total_bytes=200_000)
Zipped = Callable[[dict[str, str | bytes]], bytes]

# A file's content per name; names that a person might choose.
FOLDERS = st.dictionaries(
    st.lists(
        st.text("abcXYZ019 äß語._-", min_size=1, max_size=12).filter(
            lambda part: part not in (".", "..")
        ),
        min_size=1,
        max_size=3,
    ).map("/".join),
    st.binary(max_size=2000),
    max_size=8,
).filter(lambda files: not any(f"{name}/" in other for name in files for other in files))
no_shared_fixture_trouble = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=150
)


def write(folder: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    folder.mkdir(exist_ok=True)
    return folder


def read(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def packed(folder: Path) -> bytes:
    target = io.BytesIO()
    pack(folder, target)
    return target.getvalue()


def saved(folder: Path, content: bytes) -> Path:
    path = folder / "some.zip"
    path.write_bytes(content)
    return path


def raw(entries: list[tuple[zipfile.ZipInfo | str, bytes]]) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as bundle:
        for entry, content in entries:
            bundle.writestr(entry, content)
    return target.getvalue()


def of_kind(name: str, mode: int) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name)
    entry.external_attr = (mode | 0o777) << 16
    return entry


@given(files=FOLDERS, seed=st.integers())
@no_shared_fixture_trouble
def test_what_is_packed_comes_out_again_and_the_bytes_depend_on_the_files_alone(
    tmp_path_factory: pytest.TempPathFactory, files: dict[str, bytes], seed: int
) -> None:
    base = tmp_path_factory.mktemp("pack")
    first = write(base / "first", files)
    shuffled = list(files.items())
    random.Random(seed).shuffle(shuffled)
    second = write(base / "second", dict(shuffled))
    for path in second.rglob("*"):
        os.utime(path, (1, 1))
        path.chmod(0o700)
    assert packed(first) == packed(second)

    contents = unpack(saved(base, packed(first)), base / "out", LIMITS)
    assert read(base / "out") == files
    assert set(contents.files) == set(files)
    assert contents.total_bytes == sum(map(len, files.values()))


@given(
    data=st.binary(max_size=400),
    ends=st.booleans(),
    fields=st.tuples(st.integers(0, 3), st.integers(0, 500), st.integers(0, 500)),
)
@no_shared_fixture_trouble
def test_any_bytes_unpack_below_the_destination_or_are_refused(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, ends: bool, fields: tuple[int, int, int]
) -> None:
    base = tmp_path_factory.mktemp("any")
    count, size, offset = fields
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, count, count, size, offset, 0)
    try:
        unpack(saved(base, data + end if ends else data), base / "out", LIMITS)
    except (BadArchive, TooLarge):
        assert not (base / "out").exists()
    assert {path.name for path in base.iterdir()} <= {"some.zip", "out"}


@given(files=FOLDERS, position=st.integers(0, 5000), bytes_in=st.binary(min_size=1, max_size=6))
@no_shared_fixture_trouble
def test_a_damaged_archive_unpacks_below_the_destination_or_is_refused(
    tmp_path_factory: pytest.TempPathFactory,
    files: dict[str, bytes],
    position: int,
    bytes_in: bytes,
) -> None:
    base = tmp_path_factory.mktemp("damaged")
    data = bytearray(packed(write(base / "source", files)))
    at = position % len(data)
    data[at : at + len(bytes_in)] = bytes_in
    try:
        unpack(saved(base, bytes(data)), base / "out", LIMITS)
    except (BadArchive, TooLarge):
        assert not (base / "out").exists()
    assert {path.name for path in base.iterdir()} <= {"some.zip", "source", "out"}


@given(name=st.text(min_size=1, max_size=300))
@no_shared_fixture_trouble
def test_any_accepted_name_stays_below_its_folder(tmp_path: Path, name: str) -> None:
    try:
        check_name(name)
    except BadArchive:
        return
    target = Path(os.path.normpath(tmp_path / name))
    assert target.is_relative_to(tmp_path)
    assert target != tmp_path
    assert target == tmp_path / name


@pytest.mark.parametrize(
    "name",
    [
        "/etc/passwd",
        "../up",
        "a/../../up",
        "a/..",
        "./a",
        "a//b",
        "C:\\windows",
        "a\\..\\b",
        "new\nline",
        "tab\t",
        "bell\x07",
        "evil\u202egpj.exe",
        "x" * 256,
        "/".join("abcdefghijklmnopq"),
    ],
)
def test_odd_names_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(BadArchive):
        unpack(saved(tmp_path, raw([(name, b"x")])), tmp_path / "out", LIMITS)
    assert not (tmp_path / "out").exists()


def test_a_name_with_a_zero_byte_is_refused_not_cut(tmp_path: Path) -> None:
    data = raw([("lab.ipynbXevil", b"x")]).replace(b"lab.ipynbXevil", b"lab.ipynb\0evil")
    with pytest.raises(BadArchive):
        check(saved(tmp_path, data), LIMITS)


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFCHR, stat.S_IFBLK, stat.S_IFIFO])
def test_links_and_devices_are_refused(tmp_path: Path, kind: int) -> None:
    data = raw([(of_kind("lab.ipynb", kind), b"/etc/passwd")])
    with pytest.raises(BadArchive, match="a link or a device"):
        unpack(saved(tmp_path, data), tmp_path / "out", LIMITS)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_files_of_one_name_are_refused(tmp_path: Path) -> None:
    data = raw([("lab.ipynb", b"good"), ("lab.ipynb", b"evil")])
    with pytest.raises(BadArchive, match=r"two files named 'lab\.ipynb'"):
        check(saved(tmp_path, data), LIMITS)


def test_a_file_that_is_also_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadArchive, match="a file and a folder named 'a'"):
        check(saved(tmp_path, raw([("a", b""), ("a/b", b"")])), LIMITS)


def test_a_bomb_is_stopped_at_the_limit(tmp_path: Path) -> None:
    with pytest.raises(TooLarge):
        unpack(saved(tmp_path, raw([("big", b"\0" * 200_001)])), tmp_path / "out", LIMITS)
    many = [(f"part{number}", b"\0" * 90_000) for number in range(3)]
    with pytest.raises(TooLarge):
        unpack(saved(tmp_path, raw(many)), tmp_path / "out", LIMITS)
    assert not (tmp_path / "out").exists()


def test_a_bomb_that_lies_about_its_size_is_stopped(tmp_path: Path) -> None:
    size = 5_000_000
    data = raw([("big", b"\0" * size)]).replace(struct.pack("<L", size), struct.pack("<L", 10))
    with pytest.raises((TooLarge, BadArchive)):
        unpack(saved(tmp_path, data), tmp_path / "out", LIMITS)


def test_too_many_files_are_refused(tmp_path: Path) -> None:
    assert len(check(saved(tmp_path, raw([(f"{n}", b"") for n in range(20)])), LIMITS).files) == 20
    for count in (21, 5000):
        with pytest.raises(TooLarge, match="more than 20 files"):
            check(saved(tmp_path, raw([(f"{n}", b"") for n in range(count)])), LIMITS)


def test_a_directory_larger_than_its_files_warrant_is_not_even_read(tmp_path: Path) -> None:
    """The end record may say "three files" and still point to a directory of 20 MB."""
    data = bytearray(raw([(f"{n:05}", b"") for n in range(5000)]))
    struct.pack_into("<HH", data, len(data) - 14, 3, 3)
    with pytest.raises(TooLarge):
        check(saved(tmp_path, bytes(data)), LIMITS)


def test_encrypted_and_zip64_and_commented_archives_are_refused(tmp_path: Path) -> None:
    plain = bytearray(raw([("a", b"x")]))
    encrypted = plain.copy()
    encrypted[6] |= 1
    encrypted[encrypted.index(b"PK\x01\x02") + 8] |= 1
    target = io.BytesIO(bytes(plain))
    with zipfile.ZipFile(target, "a") as bundle:
        bundle.comment = b"hello"
    locator = b"PK\x06\x07" + b"\0" * 16
    end = plain.index(b"PK\x05\x06")
    for data in (bytes(encrypted), target.getvalue(), bytes(plain[:end] + locator + plain[end:])):
        with pytest.raises(BadArchive):
            check(saved(tmp_path, data), LIMITS)


def test_links_in_a_folder_are_left_out_and_named(tmp_path: Path) -> None:
    folder = write(tmp_path / "work", {"lab.ipynb": b"x", "data/a.csv": b"1"})
    (folder / "passwd").symlink_to("/etc/passwd")
    (folder / "etc").symlink_to("/etc")
    os.mkfifo(folder / "pipe")
    result = pack(folder, io.BytesIO())
    assert result.files == ("data/a.csv", "lab.ipynb")
    assert result.left_out == ("etc", "passwd", "pipe")


def test_unpacking_never_goes_into_an_existing_folder(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    with pytest.raises(FileExistsError):
        unpack(saved(tmp_path, raw([("a", b"x")])), tmp_path / "out", LIMITS)


def test_one_file_can_be_read(tmp_path: Path) -> None:
    archive = saved(tmp_path, raw([("a.html", b"A"), ("b.html", b"B")]))
    assert read_member(archive, "b.html", LIMITS) == b"B"
    with pytest.raises(KeyError):
        read_member(archive, "c.html", LIMITS)
