"""These tests order machines at AWS for money, so they are collected only where somebody says so.

README.md says what they need and what they cost.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.live.account import Account, account_from
from tests.live.live_workshop import LiveWorkshop, live_workshop

LIVE = os.environ.get("WORKSHOP_LIVE") == "1"

#: Not collected, instead of skipped: nobody shall take them for tests that ran.
collect_ignore_glob = [] if LIVE else ["test_*.py"]


@pytest.fixture(scope="session")
def account() -> Account:
    """Fails, and doesn't skip, when the settings are incomplete: somebody wanted these tests."""
    return account_from(os.environ)


@pytest.fixture
def workshop(account: Account) -> Iterator[LiveWorkshop]:
    """A workshop of its own for each test, ended afterwards whatever happened."""
    with tempfile.TemporaryDirectory(prefix="workshop-live-") as folder:
        Path(folder).chmod(0o755)  # environments are tried under an account that owns nothing
        with live_workshop(Path(folder), account) as workshop:
            yield workshop
