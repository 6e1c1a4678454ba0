"""A lock is the same bytes each time, depends on no address, and is never half-written."""

import shutil
from pathlib import Path

import pytest

from provisioning.environments.files import EnvironmentFile
from provisioning.environments.lock import Wanted, lock, lock_environment, lock_project, main
from provisioning.errors import BadInput, StepFailed

PROJECT = Path(__file__).parents[3]
LOCKS = ["cli.lock", "deploy.lock", "dev.lock", "hub.lock", "nlp-cpu.lock", "nlp-gpu.lock"]


def test_the_shipped_locks_are_what_locking_again_gives(tmp_path: Path) -> None:
    shutil.copytree(PROJECT / "environments", tmp_path / "environments")
    shutil.copy(PROJECT / "pyproject.toml", tmp_path)
    folder = tmp_path / "environments"

    assert sorted(path.name for path in lock_project(tmp_path)) == LOCKS

    for name in LOCKS:
        assert (folder / name).read_bytes() == (PROJECT / "environments" / name).read_bytes(), name
    assert sorted(p.name for p in folder.iterdir()) == sorted(
        p.name for p in (PROJECT / "environments").iterdir()
    )


def test_a_lock_made_anew_has_hashes_and_no_address(tiny: EnvironmentFile) -> None:
    before = tiny.lock.read_bytes()
    tiny.lock.unlink()

    lock_environment(tiny)

    assert tiny.lock.read_bytes() == before
    assert b"--hash=sha256:" in before
    assert b"://" not in before


def test_overrides_and_constraints_are_kept(tmp_path: Path) -> None:
    constraint = tmp_path / "c.txt"
    constraint.write_text("six==1.16.0\n")
    overrides = tmp_path / "o.txt"
    overrides.write_text('six ; python_version < "3"\n')

    lock(Wanted(("six",), constraints=(constraint,)), tmp_path / "a.lock")
    lock(Wanted(("python-dateutil==2.9.0.post0",), overrides), tmp_path / "b.lock")

    assert (tmp_path / "a.lock").read_text().startswith("six==1.16.0 ")
    assert "six" not in (tmp_path / "b.lock").read_text()


def test_what_nobody_can_satisfy_leaves_the_old_lock(tmp_path: Path) -> None:
    out = tmp_path / "x.lock"
    out.write_text("old")

    with pytest.raises(BadInput, match="no set of packages satisfies it") as caught:
        lock(Wanted(("six==1.16.0", "six==1.17.0")), out)

    assert str(caught.value.place) == str(out)
    assert out.read_text() == "old"
    assert list(tmp_path.iterdir()) == [out]


def test_an_address_in_a_lock_is_refused(tmp_path: Path) -> None:
    package = tmp_path / "here"
    package.mkdir()
    (package / "pyproject.toml").write_text('[project]\nname = "here"\nversion = "1"\n')
    out = tmp_path / "x.lock"

    with pytest.raises(StepFailed, match="would depend on an address"):
        lock(Wanted((f"here @ file://{package}",)), out)

    assert not out.exists()


def test_the_entry_locks_one_file_and_names_a_missing_one(
    tiny: EnvironmentFile, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(tiny.source)]) == 0
    assert capsys.readouterr().out == f"{tiny.lock}\n"

    assert main([str(tmp_path / "absent.yml")]) == 2
    assert capsys.readouterr().err.startswith(f"{tmp_path}/absent.yml: found no such file\n")
