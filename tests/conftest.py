"""What tests of several rooms need: the environment of the course, built once and kept."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from provisioning.environments.build import ensure_environment
from provisioning.environments.files import read_environment_file
from provisioning.interpreter import find_interpreter
from tests.thorough import THOROUGH

ENVIRONMENTS = Path(__file__).parents[1] / "environments"
#: Beside the end-to-end tests' workshops, which use the same environment.
BUILT = Path("/var/tmp/workshop-tests/environments")
CLOUD = Path(__file__).parent / "cloud"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is for `make thorough`; pytest says how many tests were deselected."""
    items.sort(key=_waits_for_a_build)
    if THOROUGH:
        return
    left = [item for item in items if item.get_closest_marker("thorough")]
    if left:
        config.hook.pytest_deselected(items=left)
        items[:] = [item for item in items if not item.get_closest_marker("thorough")]


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
