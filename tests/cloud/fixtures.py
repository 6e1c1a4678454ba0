"""Fixtures for tests that need an AWS account. A conftest takes them by importing them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.cloud.cloud import Cloud


@pytest.fixture(scope="session")
def cloud_server() -> Iterator[Cloud]:
    """One server for all tests of a process: starting it costs two seconds."""
    from tests.cloud.cloud import Cloud  # moto is slow to import, and few tests need it

    with Cloud() as cloud:
        yield cloud


@pytest.fixture
def cloud(cloud_server: Cloud, monkeypatch: pytest.MonkeyPatch) -> Cloud:
    """A fresh account without machines, to which the environment of this process leads."""
    cloud_server.reset()
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    monkeypatch.delenv("AWS_SESSION_TOKEN", raising=False)
    for name, value in cloud_server.environment().items():
        monkeypatch.setenv(name, value)
    return cloud_server
