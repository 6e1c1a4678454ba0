"""A workshop's database on a real PostgreSQL server: looked at, made ready, explained."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

from hub_config.database.address import DatabaseAddress, parse_address
from hub_config.database.server import Desk, ensure_password_file
from provisioning.errors import NotPossibleHere
from provisioning.findings import Finding, stops
from tests.postgresql import Server, postgresql

PASSWORD = "s3:cr%et 'with' \\signs"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with postgresql() as running:
        yield running


@pytest.fixture(autouse=True)
def nobodys_passwords(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PGPASSWORD", raising=False)
    monkeypatch.setenv("PGPASSFILE", str(tmp_path / "none"))


@pytest.fixture
def address(server: Server) -> DatabaseAddress:
    """An empty database of its own for each test; its user needs `PASSWORD`."""
    name = f"t{uuid4().hex[:8]}"
    return parse_address(server.make_database(name, name, PASSWORD.replace("'", "''")))


@pytest.fixture
def desk(address: DatabaseAddress, tmp_path: Path) -> Desk:
    return Desk("demo", address, tmp_path / "kept")


@pytest.fixture
def with_password(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    return lambda: monkeypatch.setenv("PGPASSWORD", PASSWORD)


def stop(found: tuple[Finding, ...]) -> Finding:
    (only,) = stops(found)
    return only


def test_an_empty_database_is_fine_and_up_makes_it_ours(
    desk: Desk, with_password: Callable[[], None], server: Server
) -> None:
    with_password()
    before = desk.look()
    assert [each.severity for each in before] == ["ok", "ok"]
    assert before[0].what == f"PostgreSQL 15 answers at {desk.address}"
    assert before[1].what == (
        "nothing of this workshop is there yet: `up` makes hub_demo and gradebook_demo"
    )
    assert desk.ensure() == PASSWORD
    assert desk.ensure() == PASSWORD, "and again"
    assert desk.look()[1].what == (
        "the tables of this workshop are there: schemas hub_demo and gradebook_demo"
    )
    other = Desk("demo-hub", desk.address, desk.kept)
    assert stops(other.look()) == (), "another workshop may share the database"


def test_the_password_is_kept_where_programs_of_postgresql_find_it(
    desk: Desk, with_password: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    with_password()
    ensure_password_file(desk.kept, desk.address, desk.ensure())
    assert desk.kept.stat().st_mode & 0o777 == 0o600
    monkeypatch.delenv("PGPASSWORD")
    assert desk.ensure() == PASSWORD
    monkeypatch.setenv("PGPASSFILE", str(desk.kept))
    with psycopg.connect(**desk.address.parameters()) as connection:
        assert connection.execute("select 1").fetchone() == (1,)


def test_a_new_password_of_the_person_takes_the_place_of_the_kept_one(
    desk: Desk, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ensure_password_file(desk.kept, desk.address, "an old one")
    person = tmp_path / "person"
    monkeypatch.setenv("PGPASSFILE", str(person))
    ensure_password_file(person, desk.address, PASSWORD)
    assert desk.ensure() == PASSWORD


def test_without_a_password_one_reads_where_to_write_it(desk: Desk) -> None:
    found = stop(desk.look())
    assert found.what == f"PostgreSQL at {desk.address}: fe_sendauth: no password supplied"
    host, port, name = desk.address.host, desk.address.port, desk.address.name
    assert found.remedy == (
        f"write {host}:{port}:{name}:{name}:PASSWORD into ~/.pgpass, then chmod 600 ~/.pgpass"
    )


def test_a_password_file_that_others_may_read_is_refused(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = tmp_path / "person"
    ensure_password_file(person, desk.address, PASSWORD)
    person.chmod(0o644)
    monkeypatch.setenv("PGPASSFILE", str(person))
    assert stop(desk.look()).remedy == f"chmod 600 {person}"
    with pytest.raises(NotPossibleHere):
        desk.ensure()


def test_a_file_that_the_workshop_names_is_used_alone(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGPASSWORD", "another")
    file = tmp_path / "password"
    file.write_text(f"{PASSWORD}\n")
    given = replace(desk, given=file)
    assert stop(given.look()).remedy == f"chmod 600 {file}"
    file.chmod(0o600)
    assert given.ensure() == PASSWORD
    file.write_text("\n")
    assert stop(given.look()).what == f"{file} must have one line, the password, and nothing else"


def test_a_server_that_asks_for_no_password_is_refused(desk: Desk, server: Server) -> None:
    """Every seat could open the gradebook: its jail keeps the machine's network."""
    rules = server.folder / "data" / "pg_hba.conf"
    before = rules.read_text()
    rules.write_text(f"host {desk.address.name} all 127.0.0.1/32 trust\n{before}")
    server.sql("select pg_reload_conf()")
    try:
        assert "for no password: every seat could open" in stop(desk.look()).what
    finally:
        rules.write_text(before)
        server.sql("select pg_reload_conf()")


def test_by_socket_nobody_needs_a_password(desk: Desk, server: Server, tmp_path: Path) -> None:
    """Sockets lie in folders that no jail has."""
    rules = server.folder / "data" / "pg_hba.conf"
    before = rules.read_text()
    rules.write_text(f"local {desk.address.name} all trust\n{before}")
    server.sql("select pg_reload_conf()")
    name, port = desk.address.name, desk.address.port
    address = parse_address(f"postgresql://{name}@:{port}/{name}?host={server.folder}")
    try:
        local = Desk("demo", address, tmp_path / "kept")
        assert stops(local.look()) == ()
        assert local.ensure() == ""
    finally:
        rules.write_text(before)
        server.sql("select pg_reload_conf()")


@pytest.mark.parametrize(
    ("encoding", "what"), [("LATIN1", "is encoded in LATIN1: names would get lost")]
)
def test_another_encoding_is_refused(
    server: Server, tmp_path: Path, with_password: Callable[[], None], encoding: str, what: str
) -> None:
    with_password()
    choices = {"encoding": f"'{encoding}'", "lc_collate": "'C'", "lc_ctype": "'C'"}
    text = server.make_database(
        "latin", "latin", PASSWORD.replace("'", "''"), template="template0", **choices
    )
    found = stop(Desk("demo", parse_address(text), tmp_path / "kept").look())
    assert what in found.what
    assert "createdb --encoding=UTF8" in found.remedy


def test_a_schema_of_somebody_else_is_left_alone(
    desk: Desk, server: Server, with_password: Callable[[], None]
) -> None:
    with_password()
    server.sql("create schema gradebook_demo", desk.address.name)
    found = stop(desk.look())
    assert found.what == "the schema gradebook_demo is there and isn't this workshop's"
    with pytest.raises(NotPossibleHere):
        desk.ensure()


def test_a_hub_that_ran_on_another_machine_is_a_warning(
    desk: Desk, server: Server, with_password: Callable[[], None]
) -> None:
    with_password()
    desk.ensure()
    mark = "comment on schema hub_demo is 'workshop demo on old-machine'"
    server.sql(mark, desk.address.name)
    (warning,) = [each for each in desk.look() if each.severity == "warn"]
    assert warning.what == "the schema hub_demo was used on old-machine"
    assert "workshop down" in warning.remedy


def test_who_may_not_make_schemas_reads_what_the_owner_must_say(
    desk: Desk, server: Server, with_password: Callable[[], None]
) -> None:
    with_password()
    name = desk.address.name
    server.sql(f"alter database {name} owner to postgres")
    assert stop(desk.look()).remedy == (
        f'have its owner say: grant create on database "{name}" to "{name}"'
    )


def test_a_database_or_a_server_that_is_not_there_is_one_message(
    desk: Desk, server: Server, tmp_path: Path, with_password: Callable[[], None]
) -> None:
    with_password()
    name, port = desk.address.name, desk.address.port
    gone = parse_address(f"postgresql://{name}@127.0.0.1:{port}/gone")
    found = stop(Desk("demo", gone, tmp_path / "kept").look())
    assert found.what == f'PostgreSQL at {gone}: database "gone" does not exist'
    assert f"--owner={name} gone" in found.remedy
    silent = parse_address(f"postgresql://{name}@127.0.0.1:1/gone")
    found = stop(Desk("demo", silent, tmp_path / "kept").look())
    assert found.what == f"PostgreSQL at {silent}: Connection refused"
    assert found.remedy == (f"correct `hub.database`, or the server; to try: psql '{silent}'")
    for text in (found.what, found.remedy):
        assert PASSWORD not in text
