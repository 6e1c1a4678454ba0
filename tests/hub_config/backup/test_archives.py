"""Copies become archives at `down`, archives become copies at the next `up`: nothing is lost."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

from hub_config.backup.archives import archive_copies, ensure_copy_from_archive
from hub_config.backup.snapshots import About, Shelf
from hub_config.homes import ensure_home
from hub_config.install import Owner

NOON = datetime(2026, 12, 1, 12, tzinfo=UTC)
ADA = Owner(70123, 70123)


def copied(tmp_path: Path) -> Shelf:
    shelf = Shelf(tmp_path / "backups", "ada")
    with shelf.held():
        files = shelf.begin(ADA)
        (files / "lab").mkdir()
        (files / "lab" / "answer.ipynb").write_text("42")
        (files / "new\nline").write_text("1")
        (files / "link").symlink_to("/etc/shadow")
        for path in (files / "lab", files / "lab" / "answer.ipynb", files / "new\nline"):
            os.chown(path, ADA.uid, ADA.gid)
        shelf.complete(files, About(at=NOON, host="gpu-01"))
    return shelf


def test_the_next_workshop_finds_the_work_on_hosts_and_on_one_machine(tmp_path: Path) -> None:
    copied(tmp_path)
    folder = archive_copies(tmp_path / "backups", tmp_path / "archive", NOON)
    assert folder is not None
    assert (folder / "ada.tar.gz").stat().st_mode & 0o077 == 0

    # On one machine:
    (tmp_path / "homes").mkdir()
    ensure_home(tmp_path / "homes", "ada", None, tmp_path / "archive")
    assert (tmp_path / "homes" / "ada" / "lab" / "answer.ipynb").read_text() == "42"

    # On hosts:
    later = Shelf(tmp_path / "later", "ada")
    assert ensure_copy_from_archive(later, ADA, tmp_path / "archive")
    assert later.newest is not None
    files = later.newest.files
    assert (files / "lab" / "answer.ipynb").read_text() == "42"
    assert (files / "new\nline").read_text() == "1"
    assert (files / "link").is_symlink()
    assert {path.lstat().st_uid for path in (files, *files.rglob("*"))} == {ADA.uid}
    # Once is enough; what was copied since counts more.
    assert not ensure_copy_from_archive(later, ADA, tmp_path / "archive")


def test_without_copies_there_is_no_archive(tmp_path: Path) -> None:
    assert archive_copies(tmp_path / "backups", tmp_path / "archive", NOON) is None
    assert not ensure_copy_from_archive(Shelf(tmp_path / "b", "ada"), ADA, tmp_path / "archive")
