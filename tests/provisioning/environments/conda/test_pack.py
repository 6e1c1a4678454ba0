"""An archive is the same bytes for the same tree, unpacks to it, and has its manifest."""

import hashlib
import shutil
import subprocess
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest
import zstandard

from provisioning.environments.conda import pack
from provisioning.environments.conda.build import Built
from provisioning.environments.conda.pack import ensure_packed
from provisioning.environments.manifest import manifest_for
from provisioning.environments.shipping.on_host.tree import listing, tree_sha256
from provisioning.errors import StepFailed


@pytest.fixture
def small(built: Built, tmp_path: Path) -> Built:
    """A little of TRY as if it were all of it: with scripts, links and an executable."""
    folder = tmp_path / "build" / built.folder.name
    for part in ("bin", "share"):
        shutil.copytree(built.folder / part, folder / part, symlinks=True)
    (folder / ".complete").write_text("no part of the tree")
    lines = list(listing(folder))
    return replace(built, folder=folder, tree_sha256=tree_sha256(lines), files=len(lines))


def test_it_unpacks_to_the_tree_that_was_built(built_for_arm: Built, tmp_path: Path) -> None:
    archive = ensure_packed(built_for_arm, tmp_path / "archives")
    manifest = manifest_for(archive)

    assert archive.name == f"try-{built_for_arm.identity}-linux-aarch64.tar.zst"
    assert (manifest.architecture, manifest.cuda) == ("arm64", None)
    assert manifest.archive_sha256 == hashlib.sha256(archive.read_bytes()).hexdigest()
    assert manifest.archive_bytes == archive.stat().st_size
    assert manifest.prefix == str(built_for_arm.prefix)
    assert manifest.imports == ("accelerator", "markupsafe", "tabulate")

    there = tmp_path / "there"
    there.mkdir()
    unpack(archive, there)
    assert tree_sha256(listing(there)) == manifest.tree_sha256 == built_for_arm.tree_sha256
    assert len(list(listing(there))) == manifest.files
    files = [p for p in there.rglob("*") if p.is_file() and not p.is_symlink()]
    assert sum(path.stat().st_size for path in files) == manifest.unpacked_bytes


def unpack(archive: Path, folder: Path) -> None:
    with archive.open("rb") as file, zstandard.ZstdDecompressor().stream_reader(file) as plain:
        subprocess.run(["tar", "-x", "-C", folder], input=plain.read(), check=True)


def test_the_same_tree_gives_the_same_bytes_on_any_machine(
    small: Built, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pack.os, "cpu_count", lambda: 2)
    first = ensure_packed(small, tmp_path / "a")

    copy = replace(small, folder=Path(shutil.copytree(small.folder, tmp_path / "copy", True)))
    for path in copy.folder.rglob("*"):  # other times and, of the owner's alone, other modes
        path.touch()
    monkeypatch.setattr(pack.os, "cpu_count", lambda: 7)
    second = ensure_packed(copy, tmp_path / "b")

    assert first.read_bytes() == second.read_bytes()
    assert manifest_for(first) == manifest_for(second)


def test_members_are_sorted_owned_by_root_and_without_time(small: Built, tmp_path: Path) -> None:
    archive = ensure_packed(small, tmp_path / "a")
    with (
        archive.open("rb") as file,
        zstandard.ZstdDecompressor().stream_reader(file) as plain,
        tarfile.open(fileobj=plain, mode="r|") as tar,
    ):
        members = tar.getmembers()

    names = [member.name for member in members]
    assert names == sorted(names)
    assert ".complete" not in names
    assert {(m.uid, m.gid, m.mtime, m.uname) for m in members} == {(0, 0, 0, "root")}
    assert {m.mode for m in members if m.isfile()} == {0o644, 0o755}
    assert next(m for m in members if m.name == "bin/python").linkname == "python3.11"


def test_a_packed_environment_is_not_packed_again(small: Built, tmp_path: Path) -> None:
    archive = ensure_packed(small, tmp_path / "a")
    before = archive.stat()
    assert ensure_packed(small, tmp_path / "a") == archive
    assert (archive.stat().st_mtime_ns, archive.stat().st_ino) == (
        before.st_mtime_ns,
        before.st_ino,
    )

    for spoil in (lambda: archive.write_bytes(b"cut"), lambda: archive.unlink(),
                  lambda: archive.with_name(archive.name + ".json").write_text("{")):  # fmt: skip
        spoil()
        ensure_packed(small, tmp_path / "a")
        assert manifest_for(archive).archive_bytes == archive.stat().st_size == before.st_size


def test_a_tree_that_was_changed_is_not_packed(small: Built, tmp_path: Path) -> None:
    (small.folder / "share/located.txt").write_text("drifted")

    with pytest.raises(StepFailed, match="was changed after it was built; nothing was packed"):
        ensure_packed(small, tmp_path / "a")
    assert [path.name for path in (tmp_path / "a").iterdir() if path.suffix != ".lock"] == []


def test_a_full_disk_leaves_no_half_archive(small: Built, small_disk: Path) -> None:
    subprocess.run(["dd", "if=/dev/zero", f"of={small_disk}/ballast", "bs=1M", "count=11"],
                   capture_output=True)  # fmt: skip

    with pytest.raises(StepFailed, match=r"filled the disk of"):
        ensure_packed(small, small_disk / "a")
    assert [path for path in (small_disk / "a").iterdir() if path.stat().st_size] == []
