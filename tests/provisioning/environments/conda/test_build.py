"""A build is whole or not there, made for the place where it will be used, and always the same.

These tests need root: they try what is built as another account, and at its final place.
"""

import json
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from provisioning.environments.build import ensure_environment
from provisioning.environments.conda.build import Built, ensure_built, identity_of
from provisioning.environments.conda.channels import Channels, Sources
from provisioning.environments.conda.lock import lock_conda
from provisioning.environments.conda.lock_file import ReadLock, lock_path, read_conda_lock
from provisioning.environments.conda.platforms import platform_named
from provisioning.environments.manifest import PREFIXES
from provisioning.environments.shipping.on_host.tree import listing, tree_sha256
from provisioning.errors import NotPossibleHere, StepFailed
from provisioning.interpreter import find_interpreter
from tests.channel.channel import Channel
from tests.provisioning.environments.conda.conftest import LEAST, MakeFile

PROJECT = Path(__file__).parents[4]
X86 = platform_named("linux-64")
MakeLock = Callable[..., ReadLock]


def at_its_place(built: Built, *command: object) -> subprocess.CompletedProcess[str]:
    """Run a command with the build at its final place: in a mount namespace of its own."""
    script = 'mount -t tmpfs none /opt && mkdir -p "$1" && mount --bind "$0" "$1" && shift && "$@"'
    words = [str(word) for word in (built.folder, built.prefix, *command)]
    return subprocess.run(
        ["unshare", "--mount", "sh", "-c", script, *words],
        capture_output=True,
        text=True,
        env={"PATH": "/usr/bin:/bin"},
        check=False,
    )


def test_it_works_at_its_place_with_its_own_scripts(built: Built) -> None:
    assert built.prefix == PREFIXES / f"try-{built.identity}"
    assert built.imports == ("accelerator", "markupsafe", "tabulate")

    say = "import sys, accelerator, markupsafe._speedups, tabulate; print(sys.prefix)"
    assert at_its_place(built, built.prefix / "bin/python", "-I", "-c", say).stdout == (
        f"{built.prefix}\n"
    )
    # Scripts of the interpreter's package, of a channel's package and of a wheel.
    for script, argument, said in (
        ("pydoc3", "-h", "pydoc"),
        ("pip", "--version", f"from {built.prefix}/lib/python3.11/site-packages/pip"),
        ("tabulate", "--help", "tabulate"),
    ):
        done = at_its_place(built, built.prefix / "bin" / script, argument)
        assert done.returncode == 0, done.stderr
        assert said in done.stdout
    check = at_its_place(built, built.prefix / "bin/python", "-m", "pip", "check")
    assert check.stdout == "No broken requirements found.\n"


def test_its_files_name_its_place_and_nothing_of_this_machine(
    built: Built, channel: Channel, sources: Sources
) -> None:
    text = (built.folder / "share/located.txt").read_text()
    assert text == f"in {built.prefix}/share\n"
    binary = (built.folder / "share/located.bin").read_bytes()
    assert f"{built.prefix}/share/located\0".encode() in binary
    assert binary.endswith(b"after\0")

    here = (str(built.folder.parent), str(channel.folder), str(sources.cache), sys.prefix)
    for path in built.folder.rglob("*"):
        if path.is_file() and path.parent != built.folder:
            content = path.read_bytes()
            assert not [place for place in here if place.encode() in content], path


def test_everybody_can_read_it_and_only_its_owner_change_it(built: Built) -> None:
    for path in (built.folder, *built.folder.rglob("*")):
        if not path.is_symlink():
            expected = {0o755} if path.is_dir() else {0o644, 0o755}
            assert stat.S_IMODE(path.stat().st_mode) in expected, path
            assert path.is_dir() or path.stat().st_nlink == 1


def test_modules_are_compiled_and_not_compiled_again(built: Built) -> None:
    module = built.folder / "lib/python3.11/site-packages/tabulate"
    assert [p.name for p in module.rglob("__init__*.pyc")] == ["__init__.cpython-311.pyc"]
    before = built.tree_sha256

    # As root, whom nothing forbids to write.
    done = at_its_place(built, built.prefix / "bin/python", "-c", "import tabulate, pip, json.tool")

    assert done.returncode == 0
    assert tree_sha256(listing(built.folder)) == before


def test_building_again_gives_the_same_tree(
    built: Built, make_lock: MakeLock, sources: Sources, open_folder: Path
) -> None:
    steps: list[tuple[str, int, int, str]] = []
    other = Sources(sources.channels, open_folder / "cache")  # nothing of the first one's

    again = ensure_built(
        make_lock(), open_folder / "builds", other, progress=lambda *step: steps.append(step)
    )

    assert again.fresh
    assert again.tree_sha256 == built.tree_sha256
    assert again.tree_sha256 == tree_sha256(listing(again.folder))
    assert again.files == len(list(listing(again.folder)))
    assert [done for _, done, _, _ in steps] == sorted(done for _, done, _, _ in steps)
    assert steps[-1] == ("try for linux-64: ready", 5, 5, "")
    assert any("fetching python" in note for *_, note in steps)

    once_more = ensure_built(make_lock(), open_folder / "builds", other)
    assert not once_more.fresh
    assert once_more.tree_sha256 == built.tree_sha256


def test_another_lock_or_place_is_another_identity(
    make_lock: MakeLock, built: Built, tmp_path: Path
) -> None:
    lock = make_lock()
    assert identity_of(lock) == built.identity
    assert identity_of(lock, tmp_path) != built.identity
    assert identity_of(make_lock(("located", "six"))) != built.identity
    assert identity_of(make_lock(platform="linux-64-cuda")) != built.identity


# A builder in a process of its own, which can be killed. It prints what it is doing, and waits
# for its end once so many steps are done.
BUILDER = """
import signal
import sys
from pathlib import Path
from provisioning.environments.conda.build import ensure_built
from provisioning.environments.conda.channels import Channels, Sources
from provisioning.environments.conda.lock_file import read_conda_lock
lock, root, url, cache, wait_at = sys.argv[1:]
def tell(*at):
    print(at, flush=True)
    if at[1] >= int(wait_at):
        signal.pause()
built = ensure_built(read_conda_lock(Path(lock)), Path(root),
    Sources(Channels({"tests": url}), Path(cache)), progress=tell)
"""


def test_a_killed_build_leaves_nothing_that_is_used_and_of_two_one_builds(
    make_lock: MakeLock, sources: Sources, open_folder: Path
) -> None:
    lock, root = make_lock(text=LEAST), open_folder / "builds"
    url = sources.channels.url("tests")

    def start(*, wait_at: int = 9) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-c", BUILDER, lock.path, root, url, sources.cache, str(wait_at)],
            stdout=subprocess.PIPE,
            text=True,
            cwd=PROJECT,
        )

    for moment, next_step in (("linking python", 1), ("compiling", 3)):
        with start(wait_at=next_step) as builder:
            assert any(moment in line for line in builder.stdout or ())
            os.kill(builder.pid, signal.SIGKILL)
        assert not [path for path in root.iterdir() if not path.name.startswith(".")]

    both = [start(), start()]
    said = [builder.communicate()[0] for builder in both]
    assert [builder.returncode for builder in both] == [0, 0]
    assert sum("waiting for another build of it" in text for text in said) == 1
    assert sum("compiling" in text for text in said) == 1

    built = ensure_built(lock, root, sources)
    assert not built.fresh
    (built.folder / ".complete").write_text('{"name": ')  # as no version of ours writes it
    built = ensure_built(lock, root, sources)
    assert built.fresh
    assert tree_sha256(listing(built.folder)) == built.tree_sha256
    assert sorted(path.name for path in root.iterdir()) == [
        f".{built.folder.name}.lock", built.folder.name,
    ]  # fmt: skip


def test_a_full_disk_leaves_nothing(
    make_lock: MakeLock, sources: Sources, small_disk: Path
) -> None:
    with pytest.raises(StepFailed, match=r"the disk of \S+/disk/builds is full") as caught:
        ensure_built(make_lock(), small_disk / "builds", sources)

    assert "nothing was left in" in caught.value.message
    assert "set WORKSHOP_STATE to a folder on a larger disk" in caught.value.next_step
    assert not list((small_disk / "builds").glob("try*"))
    assert not list((small_disk / "builds").glob(".try*.new"))


def flip_a_byte(package: Path) -> None:
    content = bytearray(package.read_bytes())
    content[len(content) // 2] ^= 1
    package.write_bytes(content)


def publish_another(package: Path) -> None:
    """A whole package, with other content."""
    package.write_bytes(next(package.parent.glob("clash-*.conda")).read_bytes())


@pytest.mark.parametrize("spoil", [flip_a_byte, publish_another])
def test_a_package_that_differs_from_the_lock_is_refused(
    make_lock: MakeLock, own_channel: Path, open_folder: Path, spoil: Callable[[Path], None]
) -> None:
    spoil(next(own_channel.glob("linux-64/markupsafe-*.conda")))
    spoiled = Sources(Channels({"tests": own_channel.as_uri()}), open_folder / "cache")

    with pytest.raises(StepFailed, match="content differs from the hash in its lock") as caught:
        ensure_built(make_lock(), open_folder / "builds", spoiled)

    assert "markupsafe" in caught.value.message
    assert "don't install it" in caught.value.next_step
    assert not list((open_folder / "builds").glob("*try*[!k]"))


def test_a_package_that_is_gone_names_channel_and_mirror(
    make_lock: MakeLock, own_channel: Path, open_folder: Path
) -> None:
    next(own_channel.glob("linux-64/markupsafe-*.conda")).unlink()
    gone = Sources(Channels({"tests": own_channel.as_uri()}), open_folder / "cache")

    with pytest.raises(StepFailed, match=r"channel tests of try can't be reached at file://") as e:
        ensure_built(make_lock(), open_folder / "builds", gone)
    assert "WORKSHOP_CHANNEL=tests=" in e.value.next_step


def test_a_wheel_that_overwrites_a_channels_file_is_refused(
    make_lock: MakeLock, sources: Sources, open_folder: Path
) -> None:
    # The channel's package owns the same module under another name.
    lock = make_lock(("- six", "- clash"), ("tabulate==0.9.0", "six==1.17.0"), text=LEAST)

    with pytest.raises(StepFailed, match=r"six of the pip section overwrites \S+/six\.py"):
        ensure_built(lock, open_folder / "builds", sources)
    assert not list((open_folder / "builds").glob("try*"))


def test_a_library_that_this_system_lacks_stops_only_who_would_use_it_here(
    make_lock: MakeLock, sources: Sources, open_folder: Path
) -> None:
    lock, root = make_lock(("six", "lacking"), text=LEAST), open_folder / "builds"

    with pytest.raises(NotPossibleHere, match=r"try-\w+ is installed, but import lacking") as e:
        ensure_built(lock, root, sources, prefixes=root)
    assert e.value.next_step == "apt-get install libgfortran5"
    assert not list(root.glob("try*"))

    assert ensure_built(lock, root, sources).imports == ("lacking", "tabulate")


def test_a_module_that_cant_be_imported_anywhere_is_not_shipped(
    make_lock: MakeLock, sources: Sources, open_folder: Path
) -> None:
    lock = make_lock(("six", "broken"), text=LEAST)
    with pytest.raises(StepFailed, match="import broken: ValueError: never works"):
        ensure_built(lock, open_folder / "builds", sources)
    assert not list((open_folder / "builds").glob("try*"))


def test_a_folder_that_others_cant_enter_is_refused(
    make_lock: MakeLock, sources: Sources, open_folder: Path
) -> None:
    private = open_folder / "private"
    private.mkdir(mode=0o700)

    with pytest.raises(NotPossibleHere, match=f"can't enter {private}"):
        ensure_built(make_lock(), private / "builds", sources)


def test_a_source_cant_be_compiled_for_another_processor(
    make_lock: MakeLock, sources: Sources, open_folder: Path
) -> None:
    lock = make_lock(platform="linux-aarch64", text=LEAST)
    text = lock.path.read_text().replace('"wheels"', '"sources": ["tabulate"],\n "wheels"')
    lock.path.write_text(text)

    with pytest.raises(NotPossibleHere, match="tabulate is published as source only") as caught:
        ensure_built(read_conda_lock(lock.path), open_folder / "builds", sources)
    assert caught.value.next_step.startswith("build try on a machine of that kind")


def test_a_workshop_on_one_machine_builds_from_channels_too(
    make_file: MakeFile, sources: Sources, open_folder: Path, monkeypatch, as_nobody
) -> None:
    file = make_file(("name: try", "name: mine"), ("six", "ipykernel\n  - markupsafe"), text=LEAST)
    lock_conda(file, X86, sources)
    monkeypatch.setenv("WORKSHOP_CHANNEL", f"tests={sources.channels.url('tests')}")
    root = open_folder / "environments"

    built = ensure_environment(file, file.lock, root, interpreter=find_interpreter())

    assert built.prefix == root / f"mine-{built.identity}"
    assert built.how == f"built from {lock_path(file, X86)}, with packages of tests"
    assert as_nobody(built.python, "-c", "import markupsafe, ipykernel").returncode == 0
    assert as_nobody(built.prefix / "bin/tabulate", "--help").returncode == 0
    assert built.kernels == built.prefix / "share/jupyter"
    [kernel] = built.kernels.glob("kernels/*/kernel.json")
    assert json.loads(kernel.read_text())["argv"][0] == str(built.python)
    assert kernel.parent.name == "mine"
