"""What is built here for Arm runs on an Arm processor, which is emulated."""

import json
import subprocess

from provisioning.environments.conda.build import Built
from tests.channel.channel import Channel

#: e_machine of ELF: https://refspecs.linuxfoundation.org/elf/gabi4+/ch4.eheader.html
AARCH64 = 183


def test_its_python_runs_and_imports_what_was_asked_for(
    built_for_arm: Built, channel: Channel
) -> None:
    script = (
        "import importlib, json, platform, sys\n"
        "cached = [importlib.import_module(name).__spec__.cached for name in sys.argv[1:]]\n"
        "from markupsafe import _speedups\n"
        "print(json.dumps([platform.machine(), sys.prefix, _speedups.__file__, cached]))\n"
    )
    python = built_for_arm.folder / built_for_arm.python
    done = subprocess.run(
        channel.on_arm(python, "-I", "-c", script, *built_for_arm.imports),
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    machine, prefix, library, cached = json.loads(done.stdout)

    assert machine == "aarch64"
    assert prefix == str(built_for_arm.folder)
    assert library.endswith("/_speedups.cpython-311-aarch64-linux-gnu.so")
    assert len(cached) == 3


def test_modules_compiled_here_are_used_there(built_for_arm: Built, channel: Channel) -> None:
    python = built_for_arm.folder / built_for_arm.python
    done = subprocess.run(
        channel.on_arm(python, "-I", "-v", "-c", "import tabulate"),
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    cached = built_for_arm.folder / (
        "lib/python3.11/site-packages/tabulate/__pycache__/__init__.cpython-311.pyc"
    )
    assert f"# code object from '{cached}'" in done.stderr
    assert "# wrote" not in done.stderr


def test_nothing_in_it_is_for_another_processor(built_for_arm: Built) -> None:
    programs = 0
    for path in built_for_arm.folder.rglob("*"):
        if path.is_file() and not path.is_symlink() and path.suffix != ".bin":
            with path.open("rb") as file:
                head = file.read(20)
            if head[:4] == b"\x7fELF":
                programs += 1
                assert int.from_bytes(head[18:20], "little") == AARCH64, path
    assert programs > 20
