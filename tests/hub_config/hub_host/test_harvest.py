"""Work that comes home before hosts end."""

from __future__ import annotations

import io
import os
import socket
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from hub_config.hub_host.harvest import WorkDamaged, harvest
from hub_config.hub_host.hub_host import HubHost
from hub_config.hub_host.pack import pack
from provisioning.paths import StatePaths
from provisioning.ssh.kept_output import Finished

NOW = datetime(2026, 12, 1, tzinfo=UTC)


class Wire:
    """What a connection does with the packing command, in a process of this machine."""

    def __init__(self, folder: Path, *, spoil: bool = False, fail: bool = False) -> None:
        self._folder = folder
        self._spoil = spoil
        self._fail = fail

    @contextmanager
    def talk(self, command: str, *, seconds: float) -> Iterator[Any]:
        names = command.split()[-5:]
        code = "import sys; sys.exit(3)" if self._fail else None
        words = ["-c", code] if code else ["-m", "hub_config.hub_host.pack", str(self._folder)]
        done = subprocess.run(
            [sys.executable, *words, *names], capture_output=True, cwd=Path.cwd(), check=False
        )
        yield Said(done, self._spoil)


class Said:
    def __init__(self, done: subprocess.CompletedProcess[bytes], spoil: bool) -> None:
        self._done = done
        self._unread = done.stdout[:-20] if spoil else done.stdout

    def read(self) -> bytes:
        found, self._unread = self._unread[:1000], self._unread[1000:]
        return found

    def finish(self) -> Finished:
        return Finished(self._done.returncode, b"", self._done.stderr)


@pytest.fixture
def there(tmp_path: Path) -> Path:
    """A workshop's folder as `down` leaves it."""
    folder = tmp_path / "there"
    for name, text in {
        "archive/homes-20261201T000000Z/ada.tar.gz": "a home",
        "exchange/submissions/sums/ada/000001.zip": "a submission",
        "course/gradebook.db": "grades",
        "reports/grades.csv": "ada,3",
        "hub/secrets.json": "secret",
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def bring(wire: Wire, tmp_path: Path) -> Path:
    here = StatePaths(tmp_path / "state", "demo")
    hub = HubHost(wire, "demo")  # type: ignore[arg-type]
    return harvest(hub, here, NOW, lambda *at: None)


def test_everything_that_people_made_comes_home_and_no_secret(there: Path, tmp_path: Path) -> None:
    archive = bring(Wire(there), tmp_path)
    with tarfile.open(archive) as tar:
        names = {member.name for member in tar if member.isfile()}
        found = tar.extractfile("course/gradebook.db")
        assert found
        assert found.read() == b"grades"
    assert names == {
        str(path.relative_to(there))
        for path in there.rglob("*")
        if path.is_file() and path.parts[len(there.parts)] != "hub"
    }
    assert archive.stat().st_mode & 0o777 == 0o600


def test_work_that_arrives_cut_is_no_archive(there: Path, tmp_path: Path) -> None:
    with pytest.raises(WorkDamaged):
        bring(Wire(there, spoil=True), tmp_path)
    assert not list((tmp_path / "state").rglob("*.tar.gz*"))


def test_a_host_that_cannot_pack_says_so_and_nothing_is_kept(there: Path, tmp_path: Path) -> None:
    with pytest.raises(Exception, match="could not pack"):
        bring(Wire(there, fail=True), tmp_path)
    assert not list((tmp_path / "state").rglob("*.tar.gz*"))


def test_sockets_in_a_folder_are_left_out(there: Path) -> None:
    os.mkfifo(there / "course" / "pipe")
    with socket.socket(socket.AF_UNIX) as door:
        door.bind(str(there / "course" / "door"))
        out = io.BytesIO()
        _, members = pack(there, ["course", "not-there"], out)
    out.seek(0)
    with tarfile.open(fileobj=out) as tar:
        assert tar.getnames() == ["course", "course/gradebook.db"]
    assert members == 2
