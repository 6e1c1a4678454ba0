"""Attendees' work survives `down`, and an archive is only what attendees made."""

from __future__ import annotations

import tarfile
from datetime import UTC, datetime
from pathlib import Path

import pytest

from hub_config.homes import archive_homes, ensure_home, latest

NOON = datetime(2026, 12, 1, 12, tzinfo=UTC)


@pytest.fixture
def homes(tmp_path: Path) -> Path:
    home = tmp_path / "homes" / "ada"
    (home / "lab").mkdir(parents=True)
    (home / "lab" / "answer.ipynb").write_text("42")
    return tmp_path / "homes"


def test_work_comes_back_with_the_next_up(homes: Path, tmp_path: Path) -> None:
    archive = archive_homes(homes, tmp_path / "archive", NOON)
    assert archive is not None
    assert not (homes / "ada").exists()
    ensure_home(homes, "ada", None, tmp_path / "archive")
    assert (homes / "ada" / "lab" / "answer.ipynb").read_text() == "42"
    assert (homes / "ada").stat().st_mode & 0o777 == 0o700


def test_a_home_that_is_there_is_never_touched(homes: Path, tmp_path: Path) -> None:
    archive_homes(homes, tmp_path / "archive", NOON)
    (homes / "ada").mkdir()
    (homes / "ada" / "newer").write_text("1")
    ensure_home(homes, "ada", None, tmp_path / "archive")
    assert [path.name for path in (homes / "ada").iterdir()] == ["newer"]


def test_a_link_to_somewhere_else_does_not_pull_that_place_in(homes: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("gradebook")
    (homes / "ada" / "link").symlink_to(secret)
    archive = archive_homes(homes, tmp_path / "archive", NOON)
    assert archive is not None
    with tarfile.open(archive / "ada.tar.gz") as tar:
        assert tar.getmember("ada/link").issym()


def test_a_home_that_can_not_be_packed_is_kept_as_it_is(homes: Path, tmp_path: Path) -> None:
    # A folder in the place of the new file: no bytes can be written there.
    (tmp_path / "archive" / "homes-20261201T120000Z" / "ada.tar.gz").mkdir(parents=True)
    folder = archive_homes(homes, tmp_path / "archive", NOON)
    assert folder is not None
    assert (folder / "ada" / "lab" / "answer.ipynb").read_text() == "42"
    assert list(homes.iterdir()) == []
    (folder / "ada.tar.gz").rmdir()
    ensure_home(homes, "ada", None, tmp_path / "archive")
    assert (homes / "ada" / "lab" / "answer.ipynb").read_text() == "42"


def test_nothing_to_archive_is_no_archive(tmp_path: Path) -> None:
    (tmp_path / "homes").mkdir()
    assert archive_homes(tmp_path / "homes", tmp_path / "archive", NOON) is None


def test_the_newest_archive_is_the_one_that_counts(homes: Path, tmp_path: Path) -> None:
    archive_homes(homes, tmp_path / "archive", NOON)
    (homes / "ada").mkdir()
    (homes / "ada" / "second").write_text("2")
    later = archive_homes(homes, tmp_path / "archive", NOON.replace(hour=13))
    assert later is not None
    assert latest(tmp_path / "archive", "ada") == later / "ada.tar.gz"
