"""A copy of a home is whole, is what was there, and nothing in the home can spoil it."""

from __future__ import annotations

import os
import signal
import socket
import sqlite3
import subprocess
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from hub_config.backup.copying import Copied
from hub_config.backup.errors import CopyFailed, HostSilent
from hub_config.backup.jail import Jail
from hub_config.backup.snapshots import Shelf
from tests.hub_config.backup.conftest import ADA, Class

#: What file systems take as a name: any bytes but two.
NAMES = st.sets(
    st.binary(min_size=1, max_size=40)
    .map(lambda name: name.replace(b"\0", b"\n").replace(b"/", b"\\"))
    .filter(lambda name: name not in (b".", b"..") and not name.startswith(b".cache")),
    min_size=1,
    max_size=60,
)
#: Each meant something to rsync, a shell, a list or a terminal once.
TRICKY = {
    *(b"\\?", b"*", b"[a]", b"a\\", b"#x", b";y", b"-n", b"--delete", b" ", b"a\tb", b"\r"),
    *(b"\xff\xfe", b"\x1b[2J", b"x" * 255, b"~", b"+ f", b"- *", b"a:b", b"%n", b"$(id)"),
}
#: Writes one number into two tables again and again: a torn copy has different ones.
WRITER = """
import sqlite3, sys, time
db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.execute("pragma journal_mode=wal")
db.execute("pragma synchronous=off")
for name in ("one", "two"):
    db.execute(f"create table if not exists {name} (n integer, filler text)")
for number in range(int(sys.argv[2])):
    db.execute("begin")
    for name in ("one", "two"):
        db.execute(f"delete from {name}")
        db.execute(f"insert into {name} values (?, ?)", (number, "x" * 5000))
    db.execute("commit")
    if number == 0:
        print("written", flush=True)
    time.sleep(0.002)
"""


def test_what_is_in_the_home_is_in_the_copy_with_its_times_and_modes(ada: Class) -> None:
    notebook = ada.write("sums/sums.ipynb", "{}")
    ada.write("run.sh", "#!/bin/sh").chmod(0o700)
    (ada.home / "empty").mkdir(mode=0o750)
    os.utime(notebook, ns=(1, 123_456_789))
    ada.give()
    assert ada.copy().changed
    copied = ada.copied()
    assert (copied / "sums" / "sums.ipynb").read_text() == "{}"
    assert (copied / "sums" / "sums.ipynb").stat().st_mtime_ns == 123_456_789
    assert (copied / "run.sh").stat().st_mode & 0o777 == 0o700
    assert (copied / "empty").is_dir()
    assert {path.lstat().st_uid for path in copied.rglob("*")} == {ADA.uid}


def test_a_copy_shares_what_has_not_changed_and_the_one_before_stays_what_it_was(
    ada: Class,
) -> None:
    ada.write("big.bin", b"x" * 10**6)
    ada.write("removed.py", "42")
    changing = ada.write("notes.txt", "old")
    ada.copy()
    first = ada.copied()
    assert not ada.copy().changed
    assert ada.copied() == first
    changing.write_text("new")  # the same length, within the same second
    (ada.home / "removed.py").unlink()
    ada.copy()
    second = ada.copied()
    assert (first / "notes.txt").read_text() == "old"
    assert (second / "notes.txt").read_text() == "new"
    assert (first / "removed.py").exists()
    assert not (second / "removed.py").exists()
    assert (first / "big.bin").stat().st_ino == (second / "big.bin").stat().st_ino


@settings(max_examples=2, deadline=None, suppress_health_check=list(HealthCheck))
@example(names=TRICKY, folders={b"[folder]*", b"\n#"})
@given(names=NAMES, folders=NAMES)
def test_any_name_is_copied_as_it_is(ada: Class, names: set[bytes], folders: set[bytes]) -> None:
    home = os.fsencode(ada.home)
    subprocess.run(["find", ada.home, "-mindepth", "1", "-delete"], check=True)
    for name in names:
        Path(os.fsdecode(home + b"/" + name)).write_bytes(name)
    for folder in folders - names:
        inside = Path(os.fsdecode(home + b"/" + folder))
        inside.mkdir()
        (inside / os.fsdecode(min(names))).write_bytes(b"deeper")
    ada.give()
    ada.copy()
    assert _tree(ada.copied()) == _tree(ada.home)


def test_links_are_copied_as_links_and_nothing_outside_the_home_is(
    ada: Class, tmp_path: Path
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("hidden tests")
    (ada.home / "to-file").symlink_to(secret)
    (ada.home / "to-folder").symlink_to("/etc")
    (ada.home / "loop").symlink_to("loop")
    ada.give()
    ada.copy()
    assert (ada.copied() / "to-file").readlink() == secret
    assert (ada.copied() / "to-folder").is_symlink()
    assert (ada.copied() / "loop").is_symlink()


def test_pipes_sockets_and_closed_files_hold_up_nothing(ada: Class) -> None:
    ada.write("notes.txt", "42")
    os.mkfifo(ada.home / "pipe")
    with closing(socket.socket(socket.AF_UNIX)) as unix:
        unix.bind(str(ada.home / "s"))
    ada.write("closed.txt", "unread").chmod(0)
    (ada.home / "closed").mkdir()
    ada.give()
    (ada.home / "closed").chmod(0)
    found = ada.copy().found
    assert (found.special, found.unreadable) == (2, 2)
    assert sorted(path.name for path in ada.copied().iterdir()) == ["closed", "notes.txt"]


def test_over_the_quota_notebooks_and_small_files_come_first_and_the_rest_is_named(
    ada: Class,
) -> None:
    ada.write("lab/work.ipynb", b"n" * 300_000)
    ada.write("lab/data.csv", b"d" * 200_000)
    ada.write("small.txt", "s")
    ada.write("model.params", b"m" * 900_000)
    found = ada.copy(bytes=1_000_000).found
    assert found.over_quota
    assert found.largest_left_out == ("model.params",)
    assert found.left_out_bytes == 900_000
    kept = {str(path.relative_to(ada.copied())) for path in ada.copied().rglob("*.*")}
    assert kept == {"lab/work.ipynb", "lab/data.csv", "small.txt"}


def test_a_file_of_a_terabyte_of_nothing_is_left_out_at_once(ada: Class) -> None:
    ada.write("notes.txt", "42")
    os.truncate(ada.write("huge.bin", b""), 2**40)
    began = time.monotonic()
    assert ada.copy().found.largest_left_out == ("huge.bin",)
    assert time.monotonic() - began < 10


def test_more_files_than_a_home_may_have_are_counted_not_copied(ada: Class) -> None:
    for number in range(60):
        (ada.home / f"{number:03}").write_text("")
    ada.give()
    found = ada.copy(files=20).found
    assert (found.files, found.left_out_files) == (20, 40)


def test_a_home_with_more_than_can_be_looked_at_is_copied_in_part_and_said_so(ada: Class) -> None:
    for number in range(60):
        (ada.home / f"{number:03}").write_text("")
    ada.give()
    found = ada.copy(entries=30).found
    assert found.unfinished
    assert found.over_quota
    assert 0 < len(list(ada.copied().iterdir())) <= 30


def test_a_home_that_grows_while_it_is_copied_is_cut(
    ada: Class, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hub_config.backup.transfer.OVERHEAD_BYTES", -4_000_000)
    ada.write("growing.bin", b"x" * 2_000_000)
    with pytest.raises(CopyFailed, match="grows faster"):
        ada.copy(bytes=5_000_000)
    assert ada.shelf.newest is None


def test_a_database_that_is_written_all_the_time_is_never_torn(ada: Class) -> None:
    jail = Jail(ADA, ada.home, writable=True)
    writer = [*jail.command(), "python3", "-I", "-c", WRITER, "runs.db"]
    subprocess.run([*writer, "1"], check=True, stdout=subprocess.DEVNULL)
    ada.copy()
    with subprocess.Popen([*writer, "10000000"], stdout=subprocess.PIPE) as writing:
        try:
            assert writing.stdout
            assert writing.stdout.readline() == b"written\n"
            # A writer that gets no processor for a whole copy is not seen in it.
            assert any(_untorn_copy(ada).partly for _ in range(5))
            assert writing.poll() is None
        finally:
            writing.kill()


def _untorn_copy(ada: Class) -> Copied:
    copied = ada.copy()
    _check_untorn(ada.copied() / "runs.db")
    return copied


def _check_untorn(database: Path) -> None:
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as db:
        assert db.execute("pragma integrity_check").fetchone() == ("ok",)
        assert db.execute("select (select n from one) = (select n from two)").fetchone() == (1,)


def test_killed_while_it_copies_the_last_copy_stays_and_the_next_one_is_whole(
    ada: Class, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada.write("lab/work.ipynb", "old")
    ada.copy()
    before = ada.shelf.newest
    for number in range(30):
        (ada.home / "lab" / f"{number}.bin").write_bytes(os.urandom(100_000))
    ada.write("lab/work.ipynb", "new")
    child = os.fork()
    if child == 0:
        try:
            # Never too late for the kill: all of it is copied, and nothing counts yet.
            monkeypatch.setattr(Shelf, "complete", lambda *_: signal.pause())
            ada.copy()
        finally:
            os._exit(0)
    _wait_for(lambda: any(ada.shelf.folder.glob("unfinished/*/files/lab/*.bin")))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    assert ada.shelf.newest == before
    ada.copy()
    assert _tree(ada.copied()) == _tree(ada.home)
    assert list((ada.shelf.folder / "unfinished").iterdir()) == []


def _wait_for(happened: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.002)


def test_a_host_that_does_not_answer_leaves_the_copies_as_they_are(ada: Class) -> None:
    ada.write("notes.txt", "42")
    ada.copy()
    before = ada.shelf.newest
    away = (*ada.seat.ssh[:-3], "-o", "Port=1", ada.seat.ssh[-1])
    with pytest.raises(HostSilent):
        replace(ada, seat=replace(ada.seat, ssh=away)).copy()
    assert ada.shelf.newest == before


def test_another_home_in_the_same_place_never_becomes_a_copy(ada: Class) -> None:
    ada.write("notes.txt", "mine")
    ada.copy()
    (ada.seat.homes.parent / "marks" / "ada").unlink()  # as on a machine that is new
    ada.write("notes.txt", "somebody's")
    with pytest.raises(CopyFailed, match="not the one that was copied"):
        ada.copy()
    assert (ada.copied() / "notes.txt").read_text() == "mine"


def test_a_hub_that_has_lost_all_copies_begins_anew(ada: Class, tmp_path: Path) -> None:
    ada.write("notes.txt", "42")
    ada.copy()
    anew = replace(ada, shelf=Shelf(tmp_path / "another-hub", "ada"))
    assert anew.copy().changed
    assert (anew.copied() / "notes.txt").read_text() == "42"


def test_a_host_without_rsync_is_told_what_to_install(ada: Class) -> None:
    error = ada.seat.failed(71, "rsync")
    assert "apt-get install --yes rsync" in error.next_step


def _tree(folder: Path) -> dict[str, bytes | None]:
    """Every path below a folder, with the content of files."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in folder.rglob("*")
    }
