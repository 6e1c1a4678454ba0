"""Files are whole or absent; a lock outlives its holder; closed folders are found."""

import subprocess
import sys
from pathlib import Path

import pytest

from provisioning.folders import (
    closed_to_others,
    ensure_open_folder,
    locked,
    open_to_readers,
    write_atomically,
)


def test_a_file_is_replaced_with_its_mode_and_nothing_else_is_left(tmp_path: Path) -> None:
    file = tmp_path / "seats.json"
    file.write_text("old")

    write_atomically(file, b"new", mode=0o600)

    assert file.read_text() == "new"
    assert file.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [file]


def test_a_write_to_a_full_disk_keeps_the_old_file(small_disk: Path) -> None:
    file = small_disk / "record.json"
    file.write_text("old")

    with pytest.raises(OSError, match="No space left"):
        write_atomically(file, b"x" * 20_000_000)

    assert file.read_text() == "old"
    assert list(small_disk.iterdir()) == [file]


def test_a_lock_is_held_until_a_child_that_has_it_ends(tmp_path: Path) -> None:
    path, waited = tmp_path / "lock", []
    with locked(path) as descriptor:
        child = subprocess.Popen(["cat"], stdin=subprocess.PIPE, pass_fds=[descriptor])

    def let_it_end() -> None:
        waited.append(child.poll())
        child.stdin.close()

    with child, locked(path, on_wait=let_it_end):
        # The lock was still the child's when we asked, and the child's end gave it to us.
        assert waited == [None]
        assert child.wait(20) == 0


def test_the_first_closed_folder_on_the_way_is_named(open_folder: Path) -> None:
    closed = open_folder / "private"
    (closed / "inner").mkdir(parents=True)
    assert closed_to_others(closed / "inner/not/there") is None

    closed.chmod(0o700)

    assert closed_to_others(closed / "inner/not/there") == closed


def test_new_folders_are_open_under_any_umask(open_folder: Path) -> None:
    script = "import os; os.umask(0o077); from provisioning.folders import *; from pathlib import "
    script += "Path; import sys; ensure_open_folder(Path(sys.argv[1]))"
    subprocess.run([sys.executable, "-c", script, open_folder / "a/b"], check=True, cwd=_root())

    assert closed_to_others(open_folder / "a/b") is None
    before = (open_folder / "a").stat()
    ensure_open_folder(open_folder / "a/b")
    assert (open_folder / "a").stat() == before


def test_everybody_may_read_a_tree_and_nobody_else_change_it(tmp_path: Path) -> None:
    (tmp_path / "tree/bin").mkdir(parents=True, mode=0o700)
    (tmp_path / "tree/bin/tool").write_text("")
    (tmp_path / "tree/bin/tool").chmod(0o700)
    (tmp_path / "tree/data").write_text("")
    (tmp_path / "tree/data").chmod(0o666)
    (tmp_path / "tree/link").symlink_to("/etc/shadow")
    secret = Path("/etc/shadow").stat().st_mode

    open_to_readers(tmp_path / "tree")

    modes = {p.name: p.stat().st_mode & 0o777 for p in (tmp_path / "tree").rglob("*")}
    assert modes.pop("link") == secret & 0o777
    assert modes == {"bin": 0o755, "tool": 0o755, "data": 0o644}


def _root() -> Path:
    return Path(__file__).parents[2]
