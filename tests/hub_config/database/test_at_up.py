"""Whether a workshop may have another database now; the server itself is asked elsewhere."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hub_config.database.at_up import look_at_database
from hub_config.settings import DatabaseSettings
from hub_config.spec import WorkshopSpec
from provisioning.paths import StatePaths
from tests.hub_config.test_render import settings

HERE = "postgresql://ws@127.0.0.1:1/class"
HOSTS = {"provider": "ec2", "region": "us-east-1"}


@pytest.fixture
def paths(tmp_path: Path) -> StatePaths:
    return StatePaths(tmp_path, "demo")


def spec(database: str | None, **more: object) -> WorkshopSpec:
    facts = {"name": "demo", "course": "c", "seats": 3, "hub": {"database": database}}
    return WorkshopSpec.model_validate(facts | more)


def bring_up(paths: StatePaths, database: str | None) -> None:
    there = DatabaseSettings(address=database, hub="", gradebook="") if database else None
    paths.hub.mkdir(parents=True)
    told = settings(database=there).model_dump(mode="json")
    (paths.hub / "settings.json").write_text(json.dumps(told))


@pytest.mark.parametrize(("known", "wanted"), [(None, HERE), (HERE, None), (f"{HERE}2", HERE)])
def test_while_it_is_up_the_database_stays(
    paths: StatePaths, known: str | None, wanted: str | None
) -> None:
    bring_up(paths, known)
    (found,) = look_at_database(spec(wanted), paths, up=True)
    assert (found.severity, found.remedy) == ("stop", "put it back, or run `workshop down` first")


def test_when_it_is_down_only_the_server_has_a_say(paths: StatePaths) -> None:
    bring_up(paths, HERE)
    assert look_at_database(spec(None), paths, up=False) == ()
    (found,) = look_at_database(spec(f"{HERE}2"), paths, up=False)
    assert found.what.startswith(f"PostgreSQL at {HERE}2: ")


def test_without_the_line_nothing_is_asked(paths: StatePaths) -> None:
    assert look_at_database(spec(None), paths, up=True) == ()


def test_with_hosts_the_hubs_own_host_asks(paths: StatePaths) -> None:
    assert look_at_database(spec(HERE, hosts=HOSTS), paths, up=False) == ()
