"""The lab's way to an Arm: a real aarch64 Python over RPC gives MXNet's answers.

The processor is emulated, as it is in a class without an Arm. Nothing here looks at a time.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from provisioning.arm.keys import seat_key
from provisioning.arm.root import ArmRoot, ensure_arm_root
from provisioning.environments.build import ensure_environment
from provisioning.environments.files import read_environment_file
from provisioning.interpreter import find_interpreter

PROJECT = Path(__file__).parents[2]
DEPLOY = PROJECT / "environments/deploy.yml"
BUILT = Path("/var/tmp/workshop-tests/environments")
SECRET = "what-only-the-machine-knows"


@pytest.fixture(scope="module")
def deploy_python() -> Path:
    """The kernel of the lab: $WORKSHOP_DEPLOY_PYTHON, else built from its lock and kept."""
    if chosen := os.environ.get("WORKSHOP_DEPLOY_PYTHON"):
        return Path(chosen)
    file = read_environment_file(DEPLOY)
    return ensure_environment(file, file.lock, BUILT, interpreter=find_interpreter()).python


@pytest.fixture(scope="module")
def arm_root() -> ArmRoot:
    return ensure_arm_root(DEPLOY.with_suffix(".lock"), BUILT)


@pytest.fixture(scope="module")
def arm(arm_root: ArmRoot) -> Iterator[str]:
    """The address of an Arm machine, started as `up` starts it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-P", "-m", "provisioning.arm.serve", arm_root.folder, str(port)]
    environ = {"PATH": os.environ["PATH"], "PYTHONPATH": str(PROJECT), "WORKSHOP_ARM_KEY": SECRET}
    with subprocess.Popen(command, env=environ, stderr=subprocess.PIPE, text=True) as machine:
        assert machine.stderr is not None
        said = machine.stderr.readline()  # it imports TVM first, emulated
        assert said == "ready\n", said + machine.stderr.read()
        yield f"127.0.0.1:{port}"
        machine.terminate()


@pytest.fixture(scope="module")
def told(arm: str, deploy_python: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What one session in the deployment environment found; see arm_session.py."""
    with socket.create_server(("127.0.0.1", 0)) as ours:
        done = subprocess.run(
            [deploy_python, Path(__file__).with_name("arm_session.py"), str(ours.getsockname()[1])],
            env={
                **os.environ,
                "WORKSHOP_ARM_RPC": arm,
                "WORKSHOP_ARM_KEY": seat_key(SECRET, "ada"),
            },
            cwd=tmp_path_factory.mktemp("arm"),
            capture_output=True,
            text=True,
            timeout=400,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("model", ["lab", "larger"])
def test_tvm_says_what_mxnet_says_here_and_on_an_arm(told, model):
    found = told[model]
    assert found["spread"] > 0.1  # the answers are numbers worth comparing
    assert found["x86"] <= 1e-5
    assert found["cortex-a72"] <= 1e-5


def test_packages_for_another_box_are_refused_before_they_are_sent(told):
    reasons = {name: said.rpartition(": ")[2] for name, said in told["refusals"].items()}
    assert reasons == {
        "another architecture": "machine, mcpu",
        "another architecture, manifest says Arm": "machine",
        "another mcpu": "mcpu",
        "tampered code": "bytes",
        "tampered length": "length",
        "tampered checksum": "bytes",
        "another vocabulary": "vocab",
    }


def test_code_on_the_arm_machine_reaches_nothing_of_this_one(told):
    assert told["reach"] == {
        "its own Python": 0,
        "this project": -1,
        "this machine's passwords": -1,
        "this machine's network": -1,
    }


def test_a_session_that_crashes_ends_alone(told):
    assert told["survives a crash"] is True


def test_without_the_key_nobody_gets_in(told):
    assert "cannot find server that matches key" in told["stranger"]


def test_building_it_again_changes_nothing(arm_root):
    started = time.monotonic()
    again = ensure_arm_root(DEPLOY.with_suffix(".lock"), BUILT)
    assert (again.folder, again.fresh) == (arm_root.folder, False)
    assert time.monotonic() - started < 5
