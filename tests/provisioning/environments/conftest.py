"""Tiny environments of real packages, with the hashes of the shipped locks."""

from collections.abc import Callable
from pathlib import Path

import pytest

from provisioning.environments.files import EnvironmentFile, read_environment_file

ENVIRONMENTS = Path(__file__).parents[3] / "environments"

MakeEnvironment = Callable[..., EnvironmentFile]


def _entries(lock: Path) -> dict[str, str]:
    """Each package of a lock with its lines."""
    entries: dict[str, str] = {}
    name = ""
    for line in lock.read_text().splitlines(keepends=True):
        if not line.startswith(" "):
            name = line.split("==")[0]
        entries[name] = entries.get(name, "") + line
    return entries


@pytest.fixture
def make_environment(open_folder: Path) -> MakeEnvironment:
    """Writes an environment's file and lock: one package of a shipped lock, or all but some."""

    def make(
        name: str, asked: str, lock: str = "hub", without: tuple[str, ...] | None = None
    ) -> EnvironmentFile:
        entries = _entries(ENVIRONMENTS / f"{lock}.lock")
        version = entries[asked].split("==")[1].split()[0]
        source = open_folder / f"{name}.yml"
        source.write_text(
            f"name: {name}\ndependencies: [python=3.11, pip, {{pip: [{asked}=={version}]}}]\n"
        )
        locked = [asked] if without is None else [key for key in entries if key not in without]
        source.with_suffix(".lock").write_text("".join(entries[key] for key in locked))
        return read_environment_file(source)

    return make


@pytest.fixture
def tiny(make_environment: MakeEnvironment) -> EnvironmentFile:
    """An environment of `six` alone."""
    return make_environment("tiny", "six")
