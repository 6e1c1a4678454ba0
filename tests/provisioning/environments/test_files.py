"""An environment file is read as conda would read it, and every mistake has its line."""

from pathlib import Path

import pytest

from provisioning.environments.files import read_environment_file
from provisioning.errors import BadInput

GOOD = """name: small
channels: [conda-forge]
dependencies:
  - python=3.11
  - pip
  - pip:
      - six==1.17.0
      - Pure_Eval
"""


def read(folder: Path, text: str):
    path = folder / "small.yml"
    path.write_text(text)
    return read_environment_file(path)


def test_a_pip_only_file_needs_no_channel(tmp_path: Path) -> None:
    file = read(tmp_path, GOOD)

    assert (file.name, file.python, file.channels) == ("small", "3.11", ("conda-forge",))
    assert file.pip == ("six==1.17.0", "Pure_Eval")
    assert file.pip_only
    assert file.asks_for("pure-eval")
    assert not file.asks_for("pure")
    assert file.lock == tmp_path / "small.lock"


def test_a_conda_package_needs_a_channel(tmp_path: Path) -> None:
    file = read(tmp_path, GOOD.replace("  - pip\n", "  - pip\n  - cudatoolkit=11.2\n"))

    assert file.conda == ("cudatoolkit=11.2",)
    assert not file.pip_only


@pytest.mark.parametrize("python", ["python=3.11", "python==3.11", "python = 3.11.*"])
def test_a_python_may_be_written_in_condas_ways(tmp_path: Path, python: str) -> None:
    assert read(tmp_path, GOOD.replace("python=3.11", python)).python == "3.11"


def test_overrides_are_found_beside_the_file(tmp_path: Path) -> None:
    assert read(tmp_path, GOOD).overrides is None
    (tmp_path / "small.overrides.txt").write_text("")
    assert read(tmp_path, GOOD).overrides == tmp_path / "small.overrides.txt"


@pytest.mark.parametrize(
    ("old", "new", "line", "key", "found"),
    [
        ("name: small", "name: Small One", 1, "name", "found 'Small One'"),
        ("name: small", "name: 3", 1, "name", "found 3, which isn't text"),
        ("channels: [conda-forge]", "prefix: /x", 2, "prefix", "found an unknown key"),
        ("channels: [conda-forge]", "channels:", 2, "channels", "found no list"),
        ("python=3.11", "python>=3.11", 3, "dependencies", "found no Python version"),
        ("  - pip\n", "  - python=3.12\n", 3, "dependencies", "found 2 Python versions"),
        ("- pip:", "- npm:", 6, "dependencies[2].npm", "found an unknown section"),
        (
            "six==1.17.0",
            "-r more.txt",
            7,
            "dependencies[2].pip[0]",
            "found '-r more.txt', which names no package of an index",
        ),
        (
            "Pure_Eval",
            "six @ https://example.org/six.whl",
            8,
            "dependencies[2].pip[1]",
            "found 'six @ https://example.org/six.whl', which names no package of an index",
        ),
    ],
)
def test_a_mistake_is_named_with_its_line(
    tmp_path: Path, old: str, new: str, line: int, key: str, found: str
) -> None:
    with pytest.raises(BadInput) as caught:
        read(tmp_path, GOOD.replace(old, new))

    assert caught.value.message == f"{tmp_path}/small.yml, line {line}, {key}: {found}"
    assert caught.value.write


@pytest.mark.parametrize(
    ("text", "found"), [("", ": the file is empty"), ("name: a\n", ", dependencies: is missing")]
)
def test_a_file_without_content_shows_an_example(tmp_path: Path, text: str, found: str) -> None:
    with pytest.raises(BadInput) as caught:
        read(tmp_path, text)

    assert caught.value.message == f"{tmp_path}/small.yml{found}"
    assert "dependencies:\n  - python=3.11" in caught.value.write


def test_the_shipped_files_ask_for_nothing_but_pip() -> None:
    folder = Path(__file__).parents[3] / "environments"
    files = [read_environment_file(path) for path in sorted(folder.glob("*.yml"))]

    assert [file.name for file in files] == ["deploy", "hub", "nlp-cpu", "nlp-gpu"]
    assert all(file.pip_only for file in files)
