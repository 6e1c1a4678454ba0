"""The hub's environment, built once and kept, for servers that really run."""

from __future__ import annotations

from pathlib import Path

import pytest

from provisioning.environments.build import ensure_environment
from provisioning.environments.files import read_environment_file
from provisioning.interpreter import find_interpreter
from tests.conftest import BUILT, ENVIRONMENTS


@pytest.fixture(scope="session")
def hub_prefix() -> Path:
    """Where accounts other than root can read it: the end-to-end tests use the same one."""
    file = read_environment_file(ENVIRONMENTS / "hub.yml")
    for folder in (BUILT.parent, BUILT):
        folder.mkdir(exist_ok=True)
        folder.chmod(0o755)
    return ensure_environment(file, file.lock, BUILT, interpreter=find_interpreter()).prefix
