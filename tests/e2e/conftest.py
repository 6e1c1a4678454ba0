"""Real workshops on this machine, below one folder whose environments are built once, and the
browsers of those who visit them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from tests.e2e.browser import MakeVisitor, chromium
from tests.e2e.ordinary_user import OrdinaryUser, ordinary_account
from tests.e2e.running import RunningWorkshop, write_workshop

#: Every account may enter it, and environments in it survive from one test run to the next.
ROOT = Path("/var/tmp/workshop-tests")

MakeWorkshop = Callable[..., RunningWorkshop]


@pytest.fixture(scope="session")
def state_root() -> Path:
    if os.geteuid() != 0:
        pytest.fail("these tests make UNIX accounts: run them as root")
    ROOT.mkdir(exist_ok=True)
    ROOT.chmod(0o755)
    return ROOT


@pytest.fixture(scope="module")
def make_workshop(state_root: Path) -> Iterator[MakeWorkshop]:
    """Write a workshop; whatever was brought up is taken down at the module's end."""
    made: list[RunningWorkshop] = []

    def make(name: str, attendees: Sequence[str], **choices: object) -> RunningWorkshop:
        workshop = write_workshop(state_root, name, attendees, **choices)  # type: ignore[arg-type]
        made.append(workshop)
        return workshop

    yield make
    for workshop in made:
        workshop.cli("down", "--yes", check=False)


@pytest.fixture(scope="module")
def ordinary_user(state_root: Path) -> Iterator[OrdinaryUser]:
    """An account without rights, with its own copy of the project and its own state folder."""
    with ordinary_account(state_root) as user:
        yield user


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """Where pictures go: into the docs, for whoever asks."""
    return Path(os.environ.get("WORKSHOP_SCREENSHOTS") or tmp_path)


@pytest.fixture
def visit(workshop: RunningWorkshop, images: Path) -> Iterator[MakeVisitor]:
    """People at the module's own workshop."""
    with chromium(workshop.address, images) as visitors:
        yield visitors
