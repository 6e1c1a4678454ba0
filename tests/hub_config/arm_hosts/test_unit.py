"""What is sent to an Arm host: enough to serve, and the secret only where root alone looks."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from hub_config.arm_hosts.unit import INSTALL, KEY, UNIT, files_of, service_code, unit_text

PROJECT = Path(__file__).parents[3]
SECRET = "what-only-the-machine-knows"


def test_the_code_that_is_sent_needs_nothing_but_python(tmp_path):
    for name, content in service_code(PROJECT).items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(content)
    load = "import provisioning.arm.serve, provisioning.arm.server, sys; print(sys.prefix)"
    subprocess.run(
        [sys.executable, "-ISc", f"import sys; sys.path.insert(0, {str(tmp_path)!r}); {load}"],
        check=True,
        capture_output=True,
    )


def test_the_secret_is_in_one_file_that_root_alone_may_read():
    files = files_of({}, SECRET, 29100)
    assert [name for name, content in files.items() if SECRET.encode() in content] == [f"put{KEY}"]
    assert "*.key) echo 600" in INSTALL


def test_the_unit_differs_when_the_service_is_to_be_started_anew():
    unit = f"put/etc/systemd/system/{UNIT}"
    told = {files_of({}, secret, port)[unit] for secret in ("a", "b") for port in (1, 2)}
    assert len(told) == 4
    assert files_of({}, "a", 1)[unit] == files_of({}, "a", 1)[unit]


def test_the_unit_keeps_the_service_up_and_the_host_reachable():
    text = unit_text(29100, "1")
    for line in ("Restart=always", "MemoryMax=80%", "NoNewPrivileges=yes"):
        assert line in text.splitlines()
