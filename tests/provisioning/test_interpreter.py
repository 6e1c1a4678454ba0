"""A Python that seats can't run is refused before anything is built with it."""

from pathlib import Path

import pytest

from provisioning.errors import NotPossibleHere
from provisioning.interpreter import find_interpreter


def test_debians_python_is_good() -> None:
    found = find_interpreter()

    assert found.minor == "3.11"
    assert found.real == Path("/usr/bin/python3.11")


def test_a_python_in_a_private_home_is_refused(open_folder: Path) -> None:
    home = open_folder / "home"
    home.mkdir(mode=0o700)
    python = home / "python3"
    python.write_bytes(Path("/usr/bin/python3.11").read_bytes())
    python.chmod(0o755)

    with pytest.raises(NotPossibleHere) as caught:
        find_interpreter(python)

    assert caught.value.message == (
        f"{python} can't be run by the seats' accounts: {python} lies below {home}, which is closed"
    )
    assert "/usr/bin/python3" in caught.value.next_step


def test_no_python_at_all_says_what_to_install(tmp_path: Path) -> None:
    with pytest.raises(NotPossibleHere, match="is not a Python that runs here") as caught:
        find_interpreter(tmp_path / "python3")

    assert caught.value.next_step == "apt-get install python3 python3-venv"
