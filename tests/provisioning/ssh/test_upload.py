"""An upload is whole or absent, is resumed where that is safe, and doesn't fill a disk."""

import hashlib
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from provisioning.ssh.connection import Connection, connect
from provisioning.ssh.errors import ConnectionLost, RemoteDiskFull, UploadDamaged
from tests.provisioning.ssh.conftest import Sshd

SIZE = 6 * 2**20


class Stopped(Exception):
    """What a test throws to break an upload."""


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    path = tmp_path / "archive"
    path.write_bytes(os.urandom(SIZE))
    return path


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "new" / "an archive's place"


def parts(target: Path) -> list[Path]:
    return [path for path in target.parent.iterdir() if path.name.endswith(".part")]


def break_in_the_middle(server: Sshd, archive: Path, target: Path) -> None:
    """Leave what a lost connection leaves: the first half or more."""

    def cut(done: int, total: int) -> None:
        if done > total / 2:
            for session in server.sessions():
                os.kill(session, signal.SIGKILL)

    with connect(server.login, seconds=10) as connection, pytest.raises(ConnectionLost):
        connection.put(archive, str(target), seconds=10, progress=cut)


def test_it_arrives_whole_with_its_mode_and_nothing_beside_it(
    connection: Connection, archive: Path, target: Path
) -> None:
    seen: list[tuple[int, int]] = []
    connection.put(
        archive, str(target), seconds=20, mode=0o600, progress=lambda *step: seen.append(step)
    )

    assert target.read_bytes() == archive.read_bytes()
    assert target.stat().st_mode & 0o777 == 0o600
    assert list(target.parent.iterdir()) == [target]
    assert seen == sorted(seen)
    assert seen[-1] == (SIZE, SIZE)


def test_a_file_that_is_there_is_not_sent_again(
    connection: Connection, archive: Path, target: Path
) -> None:
    connection.put(archive, str(target), seconds=20)
    before = target.stat()
    seen: list[int] = []
    connection.put(
        archive, str(target), seconds=20, mode=0o755, progress=lambda done, _: seen.append(done)
    )

    assert seen == [SIZE]
    assert target.stat().st_ino == before.st_ino
    assert target.stat().st_mode & 0o777 == 0o755


def test_an_empty_file_arrives(connection: Connection, tmp_path: Path, target: Path) -> None:
    (tmp_path / "empty").touch()
    connection.put(tmp_path / "empty", str(target), seconds=10)
    assert target.read_bytes() == b""


def test_half_an_upload_is_resumed_and_never_in_place(
    own_sshd: Sshd, archive: Path, target: Path
) -> None:
    break_in_the_middle(own_sshd, archive, target)
    assert not target.exists()
    (part,) = parts(target)
    arrived = part.stat().st_size
    seen: list[int] = []
    with connect(own_sshd.login, seconds=10) as connection:
        connection.put(archive, str(target), seconds=20, progress=lambda done, _: seen.append(done))

    assert 0 < arrived < SIZE
    assert seen[0] > arrived
    assert target.read_bytes() == archive.read_bytes()
    assert parts(target) == []


def test_an_upload_that_we_took_for_dead_may_finish_first(
    sshd: Sshd, archive: Path, target: Path
) -> None:
    """Its last bytes were on the way when the network came back: both uploads succeed."""
    with connect(sshd.login, seconds=10) as slow, connect(sshd.login, seconds=10) as fast:
        others: list[int] = []

        def overtake(done: int, total: int) -> None:
            if done > total / 2 and not others:
                others.append(done)
                fast.put(archive, str(target), seconds=20)

        slow.put(archive, str(target), seconds=20, progress=overtake)
    assert others
    assert target.read_bytes() == archive.read_bytes()
    assert parts(target) == []


def test_a_part_that_was_changed_is_sent_anew(own_sshd: Sshd, archive: Path, target: Path) -> None:
    break_in_the_middle(own_sshd, archive, target)
    (part,) = parts(target)
    with part.open("r+b") as file:
        first = file.read(1)[0]
        file.seek(0)
        file.write(bytes([first ^ 1]))
    with connect(own_sshd.login, seconds=10) as connection:
        connection.put(archive, str(target), seconds=20)

    assert target.read_bytes() == archive.read_bytes()


def test_a_part_that_is_a_link_is_not_followed(
    connection: Connection, archive: Path, target: Path, tmp_path: Path
) -> None:
    (tmp_path / "precious").write_text("precious")
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    target.parent.mkdir()
    (target.parent / f".{target.name}.{digest[:16]}.part").symlink_to(tmp_path / "precious")

    connection.put(archive, str(target), seconds=20)

    assert (tmp_path / "precious").read_text() == "precious"
    assert target.read_bytes() == archive.read_bytes()


def test_a_file_that_changes_meanwhile_is_not_put_in_place(
    connection: Connection, archive: Path, target: Path
) -> None:
    target.parent.mkdir()
    target.write_text("the old one")

    def change(done: int, total: int) -> None:
        if done < total / 2:
            with archive.open("r+b") as file:
                file.seek(SIZE - 100)
                file.write(b"changed")

    with pytest.raises(UploadDamaged, match="what was there before is unchanged"):
        connection.put(archive, str(target), seconds=20, progress=change)
    assert target.read_text() == "the old one"
    assert parts(target) == []


def test_a_failure_of_the_caller_is_raised_as_it_is(
    connection: Connection, archive: Path, target: Path
) -> None:
    def fail(done: int, total: int) -> None:
        raise Stopped

    with pytest.raises(Stopped):
        connection.put(archive, str(target), seconds=20, progress=fail)
    assert not target.exists()


def fill_now(disk: Path) -> Callable[[int, int], None]:
    def fill(done: int, total: int) -> None:
        filler = disk / "filler"
        if not filler.exists():
            free = os.statvfs(disk).f_bavail * os.statvfs(disk).f_bsize
            filler.write_bytes(b"x" * (free - 2**20))

    return fill


def test_a_disk_that_has_no_room_is_named_before_a_byte_is_sent(
    connection: Connection, archive: Path, small_disk: Path
) -> None:
    (small_disk / "filler").write_bytes(b"x" * (8 * 2**20))
    seen: list[int] = []
    with pytest.raises(RemoteDiskFull, match=f"needs {SIZE} bytes") as caught:
        connection.put(
            archive, str(small_disk / "new"), seconds=20, progress=lambda n, _: seen.append(n)
        )
    assert seen == []
    assert caught.value.next_step
    assert [path.name for path in small_disk.iterdir()] == ["filler"]


def test_a_disk_that_fills_up_meanwhile_is_named_and_cleaned(
    connection: Connection, archive: Path, small_disk: Path
) -> None:
    (small_disk / "new").write_text("the old one")
    with pytest.raises(RemoteDiskFull):
        connection.put(archive, str(small_disk / "new"), seconds=20, progress=fill_now(small_disk))
    assert (small_disk / "new").read_text() == "the old one"
    assert sorted(path.name for path in small_disk.iterdir()) == ["filler", "new"]


def test_a_small_file_that_finds_no_room_leaves_the_old_one(
    connection: Connection, small_disk: Path
) -> None:
    (small_disk / "note").write_text("the old one")
    (small_disk / "filler").write_bytes(b"x" * (11 * 2**20))
    with pytest.raises(RemoteDiskFull):
        connection.put_bytes(b"y" * (3 * 2**20), str(small_disk / "note"), seconds=10)
    assert (small_disk / "note").read_text() == "the old one"
    assert sorted(path.name for path in small_disk.iterdir()) == ["filler", "note"]
