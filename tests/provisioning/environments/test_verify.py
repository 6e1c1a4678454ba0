"""An environment that can't import what it was asked for is named, with what it lacks."""

import subprocess
from pathlib import Path

import pytest

from provisioning.environments.verify import install_command, verify_imports
from provisioning.errors import NotPossibleHere, StepFailed


@pytest.fixture
def prefix(open_folder: Path) -> Path:
    prefix = open_folder / "env"
    subprocess.run(["/usr/bin/python3", "-m", "venv", "--without-pip", prefix], check=True)
    return prefix


def install(prefix: Path, name: str, code: str) -> None:
    """A package as pip would leave it: a module and the record that it is there."""
    packages = prefix / "lib/python3.11/site-packages"
    (packages / f"{name}.py").write_text(code)
    record = packages / f"{name}-1.0.dist-info"
    record.mkdir()
    (record / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (record / "RECORD").write_text(f"{name}.py,,\n{name}-1.0.dist-info/METADATA,,\n")


def test_every_module_is_imported(prefix: Path) -> None:
    install(prefix, "good", "import json; print('[\"noise\"]'[1:])")
    verify_imports(prefix, ["good"])


def test_a_missing_library_is_named_with_what_to_install(prefix: Path) -> None:
    install(prefix, "needy", "import ctypes; ctypes.CDLL('libworkshop-none.so.3')")
    install(prefix, "other", "raise SystemExit('not asked for')")

    with pytest.raises(NotPossibleHere) as caught:
        verify_imports(prefix, ["needy"])

    assert caught.value.message == (
        "env is installed, but import needy: OSError: libworkshop-none.so.3: cannot open shared "
        "object file: No such file or directory"
    )
    assert caught.value.next_step == (
        "install the Debian package that has libworkshop-none.so.3 (apt-file search)"
    )


def test_known_libraries_are_one_command() -> None:
    assert install_command({"libquadmath.so.0", "libgomp.so.1"}) == (
        "apt-get install libgomp1 libquadmath0"
    )


def test_code_that_fails_is_not_called_a_missing_library(prefix: Path) -> None:
    install(prefix, "broken", "1 / 0")

    with pytest.raises(StepFailed, match="import broken: ZeroDivisionError: division by zero"):
        verify_imports(prefix, ["broken"])


def test_an_import_that_kills_the_process_is_seen(prefix: Path) -> None:
    install(prefix, "deadly", "import os, signal; os.kill(os.getpid(), signal.SIGILL)")

    with pytest.raises(StepFailed, match="ended the process with status -4"):
        verify_imports(prefix, ["deadly"])
