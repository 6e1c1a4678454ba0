"""Our code and the instructor's files on a host: whole or not there, brought once."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hub_config.hub_host.parcel import Parcel, ensure_parcel, files_below, parcel_of
from provisioning.ssh.kept_output import Finished


class Shell:
    """The host's shell, on this machine."""

    def __init__(self) -> None:
        self.sent: list[int] = []

    def run(self, command: str, *, seconds: float, stdin: bytes = b"") -> Finished:
        done = subprocess.run(["sh", "-c", command], input=stdin, capture_output=True, check=False)
        self.sent.append(len(stdin))
        if done.returncode != 0:
            raise OSError(done.stderr.decode())
        return Finished(done.returncode, done.stdout, done.stderr)


def bring(
    shell: Shell, parcel: Parcel, folder: Path, mode: str = "755", *, forget: bool = False
) -> Path:
    connection: Any = shell
    return ensure_parcel(connection, parcel, folder, mode=mode, forget=forget)


def versions(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir() if not path.is_symlink()}


@contextmanager
def at_work(*command: object, **environment: str) -> Iterator[None]:
    """A process, until the block ends."""
    words = [str(word) for word in command]
    told = {"PATH": os.environ["PATH"], **environment}
    pipe = subprocess.PIPE
    with subprocess.Popen(words, env=told, stdin=pipe, stdout=pipe) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"works\n"
        try:
            yield
        finally:
            process.kill()


def test_a_parcel_is_brought_once_and_is_in_use(tmp_path: Path) -> None:
    shell, folder = Shell(), tmp_path / "library"
    parcel = parcel_of({"rooms/a.py": b"a", "cli.py": b"cli"})
    for _ in range(2):
        assert bring(shell, parcel, folder) == folder / parcel.identity
        assert (folder / "current" / "rooms/a.py").read_bytes() == b"a"
    assert [size for size in shell.sent if size] == [len(parcel.content)]
    assert (folder / "current" / "cli.py").stat().st_mode & 0o777 == 0o644


def test_another_version_takes_over_and_the_one_before_stays(tmp_path: Path) -> None:
    shell = Shell()
    first, second = parcel_of({"a": b"1"}), parcel_of({"a": b"2"})
    for parcel in (first, second, first):
        bring(shell, parcel, tmp_path)
        assert (tmp_path / "current").resolve().name == parcel.identity
    assert (tmp_path / second.identity / "a").read_bytes() == b"2"


#: Says that it is there, and stays until its input ends.
WORKS = ("sh", "-c", "echo works; read never")
#: The same, behind a wall that shows a folder (the next word) and with no word about it.
WALLED_IN = ("unshare", "--mount", "sh", "-c", 'mount --bind "$0" /mnt; exec "$@"')


def test_old_versions_go_but_not_the_one_before_nor_one_that_a_process_began_with(
    tmp_path: Path,
) -> None:
    shell, folder = Shell(), tmp_path / "library"
    parcels = [parcel_of({"a": str(number).encode()}) for number in range(7)]
    told, named, shown, _old, newer, before, last = (each.identity for each in parcels)
    for parcel in parcels[:5]:
        bring(shell, parcel, folder)
    (folder / "notes").mkdir()  # not ours
    with (
        at_work(*WORKS, PYTHONPATH=str(folder / told)),
        at_work(*WORKS, folder / named / "a"),
        at_work(*WALLED_IN, folder / shown, *WORKS),
    ):
        bring(shell, parcels[5], folder, forget=True)
        assert versions(folder) == {told, named, shown, newer, before, "notes"}
    bring(shell, parcels[6], folder, forget=True)
    assert versions(folder) == {before, last, "notes"}
    assert (folder / "current" / "a").read_bytes() == b"6"


def test_what_arrives_cut_is_not_there_and_the_old_stays_in_use(tmp_path: Path) -> None:
    shell, old = Shell(), parcel_of({"a": b"1"})
    bring(shell, old, tmp_path)
    new = parcel_of({"a": b"2" * 10_000})
    with pytest.raises(OSError, match="tar"):
        bring(shell, replace(new, content=new.content[:-30]), tmp_path)
    assert (tmp_path / "current" / "a").read_bytes() == b"1"
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted((old.identity, "current"))


def test_only_root_reads_what_the_instructor_has_given(tmp_path: Path) -> None:
    folder = tmp_path / "given"
    inside = bring(Shell(), parcel_of({"key.pem": b"secret"}), folder, mode="700")
    assert folder.stat().st_mode & 0o777 == 0o700
    assert inside.stat().st_mode & 0o077 == 0


def test_nothing_leads_out_of_a_parcel() -> None:
    for path in ("/etc/passwd", "../up"):
        with pytest.raises(ValueError, match="leads out"):
            parcel_of({path: b""})


def test_caches_and_hidden_files_stay_here(tmp_path: Path) -> None:
    for name in ("a.py", "__pycache__/a.pyc", ".git/config", "deep/.ipynb_checkpoints/b", "deep/b"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    assert set(files_below(tmp_path, "x/")) == {"x/a.py", "x/deep/b"}
