"""What tests of several rooms need: the environment of the course, built once and kept."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from provisioning.environments.build import ensure_environment
from provisioning.environments.files import read_environment_file
from provisioning.interpreter import find_interpreter
from tests.thorough import THOROUGH

ENVIRONMENTS = Path(__file__).parents[1] / "environments"
#: Beside the end-to-end tests' workshops, which use the same environment.
BUILT = Path("/var/tmp/workshop-tests/environments")
CLOUD = Path(__file__).parent / "cloud"
LEFT_OUT = pytest.StashKey[int]()


def pytest_configure() -> None:
    """Examples are the same in each run, so that a change fails for what it changed; `make
    thorough` draws new ones. They have no time limit: it would judge a busy computer."""
    settings.register_profile("ours", derandomize=not THOROUGH, deadline=None)
    settings.load_profile("ours")
    # A shell that runs us in the background lets us ignore Ctrl-C, and all that tests start, too.
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is for `make thorough`; the end of the run says how many tests that were."""
    items.sort(key=_waits_for_a_build)
    if THOROUGH:
        return
    left = [item for item in items if item.get_closest_marker("thorough")]
    if left:
        config.hook.pytest_deselected(items=left)
        items[:] = [item for item in items if not item.get_closest_marker("thorough")]
    if isinstance(output := getattr(config, "workeroutput", None), dict):
        output["left_out"] = len(left)


# With workers pytest itself counts no deselected tests, and a test that nobody sees is left out
# for good.
@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    output = getattr(node, "workeroutput", {})  # a worker that crashed has none
    node.config.stash[LEFT_OUT] = output.get("left_out", node.config.stash.get(LEFT_OUT, 0))


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    if left_out := config.stash.get(LEFT_OUT, 0):
        terminalreporter.write_line(f"left out, for `make thorough`: {left_out}")


def _waits_for_a_build(item: pytest.Item) -> bool:
    """The tests' cloud builds a Debian for its hosts, once on a computer.

    At the beginning all workers would wait for it; later one of them has built it meanwhile.
    """
    return CLOUD in item.path.parents


@pytest.fixture(scope="session")
def nlp_python() -> Path:
    """The interpreter of the course's kernel: $WORKSHOP_NLP_PYTHON, else built from its lock."""
    if chosen := os.environ.get("WORKSHOP_NLP_PYTHON"):
        if not os.access(chosen, os.X_OK):
            pytest.fail(f"WORKSHOP_NLP_PYTHON names {chosen}, which is not a program.")
        return Path(chosen)
    file = read_environment_file(ENVIRONMENTS / "nlp-cpu.yml")
    for folder in (BUILT.parent, BUILT):
        folder.mkdir(exist_ok=True)
        folder.chmod(0o755)
    return ensure_environment(file, file.lock, BUILT, interpreter=find_interpreter()).python
