"""Nothing is built but what is named, from the hashed source, with the hashed tools."""

import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from provisioning.environments.build import Environment, ensure_environment
from provisioning.environments.files import EnvironmentFile
from provisioning.environments.from_source import NOTHING, read_from_source
from provisioning.errors import BadInput, NotPossibleHere, StepFailed
from provisioning.interpreter import find_interpreter

ENVIRONMENTS = Path(__file__).parents[3] / "environments"


@pytest.fixture
def source_only(make_environment, open_folder: Path, monkeypatch) -> EnvironmentFile:
    """An environment of the one package without a wheel, which nobody has built before.

    It is not asked for, so it isn't imported either: that would take mxnet.
    """
    monkeypatch.setenv("UV_CACHE_DIR", str(open_folder / "cache"))
    for name in ("from-source.txt", "from-source.lock"):
        shutil.copy(ENVIRONMENTS / name, open_folder)
    file = make_environment("small", "gluonnlp", "nlp-cpu")
    return replace(file, pip=())


def build(file: EnvironmentFile, root: Path) -> Environment:
    return ensure_environment(file, file.lock, root, interpreter=find_interpreter())


def test_it_is_compiled_and_says_which_tools_decide(source_only, open_folder: Path) -> None:
    built = build(source_only, open_folder / "environments")
    assert list(built.prefix.glob("lib/*/site-packages/gluonnlp/data/*.so"))

    tools = open_folder / "from-source.lock"
    tools.write_text(tools.read_text() + "# another byte\n")
    again = build(source_only, open_folder / "environments")
    assert (again.fresh, again.identity == built.identity) == (True, False)


def test_a_source_that_is_not_named_is_refused(source_only, open_folder: Path) -> None:
    (open_folder / "from-source.txt").unlink()

    with pytest.raises(BadInput, match="a package has no wheel") as caught:
        build(source_only, open_folder / "environments")
    assert "gluonnlp==0.10.0" in caught.value.message
    assert "name the package in from-source.txt" in caught.value.write


def test_a_tool_that_differs_is_refused(source_only, open_folder: Path) -> None:
    tools = open_folder / "from-source.lock"
    tools.write_text(re.sub(r"sha256:\w{4}", "sha256:0000", tools.read_text()))

    with pytest.raises(StepFailed, match="a package's content differs from the hash"):
        build(source_only, open_folder / "environments")


def test_a_missing_compiler_is_named(source_only, open_folder: Path, monkeypatch) -> None:
    monkeypatch.setenv("PATH", str(open_folder / "nothing"))

    with pytest.raises(NotPossibleHere, match="can't be compiled here") as caught:
        build(source_only, open_folder / "environments")
    assert caught.value.next_step == "apt-get install gcc libc6-dev python3-dev"


def test_a_missing_lock_of_the_tools_is_named(source_only, open_folder: Path) -> None:
    (open_folder / "from-source.lock").unlink()

    with pytest.raises(BadInput, match="the lock of the tools that build gluonnlp is missing"):
        build(source_only, open_folder / "environments")


def test_other_environments_take_wheels_only(tiny: EnvironmentFile, open_folder: Path) -> None:
    root = open_folder / "environments"
    before = build(tiny, root)
    shutil.copy(ENVIRONMENTS / "from-source.txt", open_folder)

    assert build(tiny, root) == replace(before, fresh=False)
    assert NOTHING.installing() == ["--only-binary", ":all:"]


def test_a_line_without_pinned_tools_is_refused(tmp_path: Path) -> None:
    (tmp_path / "from-source.txt").write_text("# why\ngluonnlp: cython\n")

    with pytest.raises(BadInput) as caught:
        read_from_source(tmp_path)
    assert str(caught.value.place) == f"{tmp_path}/from-source.txt, line 2"


def test_the_course_kernel_imports_it_without_a_warning(nlp_python: Path) -> None:
    said = subprocess.run(
        [nlp_python, "-c", "import gluonnlp; print(gluonnlp.__version__)"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (said.stdout, said.stderr) == ("0.10.0\n", "")
