"""A lock is the same bytes twice, holds every hash, and is made for machines that aren't here."""

import json
import os
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from provisioning.environments.conda import worker_process
from provisioning.environments.conda.channels import Channels, Sources
from provisioning.environments.conda.lock import lock_conda
from provisioning.environments.conda.lock_file import CondaLock, ReadLock
from provisioning.environments.conda.platforms import Platform, platform_named
from provisioning.errors import BadInput, StepFailed
from tests.provisioning.environments.conda.conftest import MakeFile

X86 = platform_named("linux-64")
GPU = platform_named("linux-64-cuda")
ARM = platform_named("linux-aarch64")

MakeLock = Callable[..., ReadLock]


def package(lock: CondaLock, name: str) -> str:
    """Such as `1.0 cpu_0 linux-64`."""
    found = next(each for each in lock.packages if each.name == name)
    return f"{found.version} {found.build} {found.subdir}"


@pytest.mark.parametrize("platform", [X86, GPU, ARM], ids=lambda platform: platform.name)
def test_it_is_the_same_bytes_twice_and_from_any_mirror(
    make_file: MakeFile, sources: Sources, mirror: str, platform: Platform, tmp_path: Path
) -> None:
    file = make_file()
    path = lock_conda(file, platform, sources)
    first = path.read_bytes()
    assert path == tmp_path / f"try.{platform.name}.lock"

    lock_conda(file, platform, sources)
    assert path.read_bytes() == first

    path.unlink()
    elsewhere = Sources(Channels({"tests": mirror}), tmp_path / "another cache")
    lock_conda(file, platform, elsewhere)
    assert path.read_bytes() == first


def test_it_has_a_hash_of_every_package_and_no_place_of_this_machine(
    make_lock: MakeLock, sources: Sources
) -> None:
    read = make_lock()
    text = read.path.read_text()

    assert {p.name for p in read.lock.packages} == {
        "python", "pip", "markupsafe", "accelerator", "located",
    }  # fmt: skip
    for found in json.loads(text)["packages"]:
        content = Path(sources.channels.url("tests").removeprefix("file://"), found["subdir"])
        assert found["sha256"] in (content / "repodata.json").read_text()
    assert [wheel.name for wheel in read.lock.wheels] == ["tabulate"]
    assert all(wheel.sha256 for wheel in read.lock.wheels)
    for place in ("file:", "://", "/var", "/tmp", "/opt", os.uname().nodename):
        assert place not in text


def test_a_gpus_lock_is_made_without_a_gpu(make_lock: MakeLock) -> None:
    assert package(make_lock(platform="linux-64").lock, "accelerator") == "1.0 cpu_0 linux-64"

    gpu = make_lock(platform="linux-64-cuda").lock
    assert package(gpu, "accelerator") == "1.0 cuda_0 linux-64"
    assert (gpu.cuda, gpu.machine) == ("12.4", GPU)


def test_an_older_driver_gets_no_build_that_needs_a_newer_one(
    make_file: MakeFile, sources: Sources
) -> None:
    path = lock_conda(make_file(), platform_named("linux-64-cuda", cuda="11.8"), sources)
    assert '"cpu_0"' in path.read_text()


def test_a_lock_for_arm_is_made_on_any_machine(make_lock: MakeLock) -> None:
    lock = make_lock(("tabulate==0.9.0", "psutil"), platform="linux-aarch64").lock

    assert package(lock, "markupsafe") == "3.0.3 0 linux-aarch64"
    assert {each.subdir for each in lock.packages} == {"linux-aarch64", "noarch"}
    assert [wheel.name for wheel in lock.wheels] == ["psutil"]


def test_a_package_for_newer_systems_than_the_hosts_is_not_chosen(make_lock: MakeLock) -> None:
    assert package(make_lock(("located", "modern")).lock, "modern") == "1.0 0 noarch"


def test_what_is_locked_stays_while_it_fits(
    make_file: MakeFile, make_lock: MakeLock, sources: Sources
) -> None:
    assert package(make_lock(("located", "six <1.17")).lock, "six") == "1.16.0 0 noarch"
    assert package(make_lock(("located", "six")).lock, "six") == "1.16.0 0 noarch"
    assert package(make_lock(("located", "six >=1.17")).lock, "six") == "1.17.0 0 noarch"


def test_what_a_channel_published_anew_is_locked_anew(
    make_file: MakeFile, own_channel: Path, tmp_path: Path
) -> None:
    mine = Sources(Channels({"tests": own_channel.as_uri()}), tmp_path / "cache")
    before = lock_conda(make_file(), X86, mine).read_text()
    repodata = own_channel / "linux-64/repodata.json"
    content = json.loads(repodata.read_text())
    entry = next(e for e in content["packages.conda"].values() if e["name"] == "markupsafe")
    old, entry["sha256"] = entry["sha256"], "0" * 64
    repodata.write_text(json.dumps(content))

    after = lock_conda(make_file(), X86, mine).read_text()

    assert after == before.replace(old, "0" * 64)
    assert after != before


def test_what_a_channel_provides_is_not_installed_again_by_pip(make_lock: MakeLock) -> None:
    lock = make_lock(("tabulate==0.9.0", "jinja2==3.1.6"), ("accelerator", "markupsafe")).lock
    assert [wheel.name for wheel in lock.wheels] == ["jinja2"]


def test_pip_cant_ask_for_another_version_than_the_channels(
    make_file: MakeFile, sources: Sources
) -> None:
    with pytest.raises(BadInput, match=r"markupsafe==3\.0\.3") as caught:
        lock_conda(make_file(("tabulate==0.9.0", "markupsafe==2.1.5")), X86, sources)
    assert caught.value.write == "change the versions that uv names, then lock again"


@pytest.mark.parametrize(
    ("old", "new", "line", "found", "write"),
    [
        ("markupsafe", "nosuch >=2", 6, "found no nosuch >=2 for linux-aarch64 in tests",
         "change that line, or move nosuch to the pip section if it is on PyPI"),
        ("markupsafe", "only-x86", 6, "found no only-x86 * for linux-aarch64 in tests",
         "change that line, or move only-x86 to the pip section if it is on PyPI"),
        ("python=3.11", "python=3.9", 4, "found no python 3.9.* for linux-aarch64 in tests",
         "change that line, or move python to the pip section if it is on PyPI"),
        ("markupsafe", "wants-old-six\n  - wants-new-six", 7,
         "no set of packages satisfies it on linux-aarch64:",
         "change or remove one of wants-new-six, wants-old-six, then lock"),
    ],
)  # fmt: skip
def test_what_cant_be_had_is_named_with_its_line(
    make_file: MakeFile, sources: Sources, old: str, new: str, line: int, found: str, write: str
) -> None:
    file = make_file((f"- {old}", f"- {new}"))
    before = file.source.with_suffix(".linux-aarch64.lock")

    with pytest.raises(BadInput) as caught:
        lock_conda(file, ARM, sources)

    assert caught.value.place.file == file.source
    assert caught.value.place.line == line
    assert found in caught.value.found
    assert write in caught.value.write
    assert not before.exists()


def test_a_build_for_gpus_that_is_asked_for_on_a_cpu_says_which_platform_has_it(
    make_file: MakeFile, sources: Sources
) -> None:
    with pytest.raises(BadInput) as caught:
        lock_conda(make_file(("- accelerator", "- accelerator=*=cuda*")), X86, sources)
    assert caught.value.write.endswith("--platform linux-64-cuda")


def test_a_failure_leaves_the_old_lock(make_file: MakeFile, sources: Sources) -> None:
    path = lock_conda(make_file(), X86, sources)
    before = path.read_bytes()

    with pytest.raises(BadInput):
        lock_conda(make_file(("located", "nosuch")), X86, sources)

    assert path.read_bytes() == before
    assert [p.name for p in path.parent.glob(".*")] == []


def test_a_channel_out_of_reach_is_named_and_no_password_is_shown(
    make_file: MakeFile, tmp_path: Path
) -> None:
    nobody = "http://me:secret@127.0.0.1:9/tests"  # the discard port: nobody listens

    with pytest.raises(StepFailed) as caught:
        lock_conda(make_file(), X86, Sources(Channels({"tests": nobody}), tmp_path / "cache"))

    assert re.search(
        r"channel tests of \S+/try.yml can't be reached at http://\*\*\*@127.0.0.1:9/tests/: "
        r"Connection refused",
        caught.value.message,
    )
    assert "export WORKSHOP_CHANNEL=tests=https://MIRROR/tests" in caught.value.next_step
    assert "secret" not in caught.value.message + caught.value.next_step


def test_a_file_without_a_channel_is_told_to_name_one(
    make_file: MakeFile, sources: Sources
) -> None:
    with pytest.raises(BadInput, match="names no channel") as caught:
        lock_conda(replace(make_file(), channels=()), X86, sources)
    assert caught.value.write == "write `channels: [conda-forge]`"


@pytest.mark.parametrize("named", ["file:///srv/channel", "/srv/channel", "defaults", "../x"])
def test_a_channel_that_only_this_machine_knows_is_refused(
    make_file: MakeFile, sources: Sources, named: str
) -> None:
    with pytest.raises(BadInput, match="isn't one channel on every machine"):
        lock_conda(make_file(("[tests]", f"['{named}']")), X86, sources)


def answers_of(script: str, monkeypatch: pytest.MonkeyPatch, folder: Path) -> object:
    """What the caller makes of a worker that is this script."""
    worker = folder / "worker.py"
    worker.write_text(f"import os, sys\nsys.stdin.read()\n{script}")
    monkeypatch.setattr(worker_process, "WORKER", worker)
    return worker_process.ask_worker({})


def test_a_worker_that_aborts_after_its_work_has_done_it(monkeypatch, tmp_path: Path) -> None:
    script = "print('{\"done\": 7}', flush=True)\nos.abort()"
    assert answers_of(script, monkeypatch, tmp_path) == 7


@pytest.mark.parametrize("script", ["os.abort()", "print('{\"done\": 7', flush=True)"])
def test_a_worker_that_ends_before_its_work_is_done_has_not(
    monkeypatch, tmp_path: Path, script: str
) -> None:
    with pytest.raises(StepFailed, match="before it was done; nothing was changed"):
        answers_of(script, monkeypatch, tmp_path)
