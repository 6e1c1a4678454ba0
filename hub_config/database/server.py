"""The PostgreSQL server of a workshop: looked at by `check`, made ready by `up`.

The password comes from a file that workshop.yaml names, or from where PostgreSQL's own programs
find it: PGPASSWORD, or the file PGPASSFILE or ~/.pgpass of whoever runs the command. `up` keeps
it in files of the same format that only the programs' accounts can read, so it is in no argument,
log or settings file.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hub_config.database.address import DatabaseAddress, schema_names
from hub_config.install import Owner, write_if_changed
from provisioning.errors import NotPossibleHere, StepFailed
from provisioning.findings import Finding, stops

#: Major versions. Older ones may do; nobody tries them.
OLDEST, NEWEST_TRIED = 13, 15
CONNECT_SECONDS = 5


@dataclass(frozen=True)
class Desk:
    """One workshop's tables on one server. `kept` is where `up` keeps the password, `given` the
    file that workshop.yaml names."""

    workshop: str
    address: DatabaseAddress
    kept: Path
    given: Path | None = None

    def look(self) -> tuple[Finding, ...]:
        """What the server says; changes nothing."""
        try:
            with self._connected() as connection:
                return tuple(self._findings(connection))
        except NotPossibleHere as error:
            return (Finding("stop", error.message, error.next_step),)

    def ensure(self) -> str:
        """The two schemas; returns the password, "" where none is asked for.

        NotPossibleHere with what must change first.
        """
        with self._connected() as connection:
            for finding in stops(self._findings(connection)):
                raise NotPossibleHere(finding.what, next_step=finding.remedy)
            mark = f"{self._mark}{socket.gethostname()}"
            for schema in schema_names(self.workshop):
                connection.execute(f'create schema if not exists "{schema}"')
                connection.execute(f"comment on schema \"{schema}\" is '{mark}'")
            return str(connection.info.password) if connection.pgconn.used_password else ""

    @property
    def _mark(self) -> str:
        """What the comment of our schemas begins with; the machine's name follows."""
        return f"workshop {self.workshop} on "

    def _findings(self, connection: Any) -> Iterator[Finding]:
        yield from self._server(connection)
        yield from self._guarded(connection)
        yield from self._schemas(connection)

    def _server(self, connection: Any) -> Iterator[Finding]:
        major = connection.info.server_version // 10_000
        what = f"PostgreSQL {major} answers at {self.address}"
        if major < OLDEST:
            remedy = f"use version {OLDEST} or newer; {NEWEST_TRIED} is what we test with"
            yield Finding("stop", what, remedy)
            return
        yield Finding("ok", what)
        (encoding,) = connection.execute("show server_encoding").fetchone()
        if encoding != "UTF8":
            yield Finding(
                "stop",
                f"the database {self.address.name} is encoded in {encoding}: names would get lost",
                "make another one: createdb --encoding=UTF8 --template=template0 NAME",
            )

    def _guarded(self, connection: Any) -> Iterator[Finding]:
        if not self.address.by_socket and not connection.pgconn.used_password:
            yield Finding(
                "stop",
                f"the server at {self.address.host} asks {self.address.user} for no password: "
                "every seat could open the gradebook",
                "write scram-sha-256 into its pg_hba.conf and give the user a password",
            )
        if not self.address.on_this_machine and not connection.pgconn.ssl_in_use:
            yield Finding(
                "warn",
                f"grades and tokens travel to {self.address.host} unencrypted",
                "add ?sslmode=verify-full to hub.database",
            )

    def _schemas(self, connection: Any) -> Iterator[Finding]:
        there = 0
        for schema in schema_names(self.workshop):
            found = connection.execute(_COMMENT, (schema,)).fetchone()
            comment = (found[0] or "") if found else None
            there += comment is not None
            if comment is not None and not comment.startswith(self._mark):
                yield Finding(
                    "stop",
                    f"the schema {schema} is there and isn't this workshop's",
                    "choose another `name` for the workshop, or another database",
                )
            elif comment and comment != f"{self._mark}{socket.gethostname()}":
                yield Finding(
                    "warn",
                    f"the schema {schema} was used on {comment.removeprefix(self._mark)}",
                    "run `workshop down` there first: two hubs on the same tables undo each other",
                )
        schemas = " and ".join(schema_names(self.workshop))
        if there:
            yield Finding("ok", f"the tables of this workshop are there: schemas {schemas}")
            return
        yield Finding("ok", f"nothing of this workshop is there yet: `up` makes {schemas}")
        (allowed,) = connection.execute(_MAY_CREATE).fetchone()
        if not allowed:
            name, user = self.address.name, self.address.user
            yield Finding(
                "stop",
                f"{user} may not make schemas in the database {name}",
                f'have its owner say: grant create on database "{name}" to "{user}"',
            )

    @contextmanager
    def _connected(self) -> Iterator[Any]:
        # Only who has a database needs its driver, and every command would wait for it.
        import psycopg

        told: dict[str, Any] = {"connect_timeout": CONNECT_SECONDS, "autocommit": True}
        attempts = self._attempts()
        for number, attempt in enumerate(attempts, start=1):
            try:
                connection = psycopg.connect(**attempt, **told)
            except psycopg.OperationalError as error:
                if number == len(attempts):
                    raise self._explained(str(error)) from None
            else:
                with connection, self._in_words():
                    yield connection
                return

    @contextmanager
    def _in_words(self) -> Iterator[None]:
        import psycopg

        try:
            yield
        except psycopg.Error as error:
            raise StepFailed(
                f"PostgreSQL at {self.address}: {str(error).splitlines()[0]}",
                next_step="correct that on the server, then repeat the command",
            ) from None

    def _attempts(self) -> list[dict[str, Any]]:
        """With the given password; else with the kept one, if it still opens the door, and with
        the person's own."""
        if self.given is not None:
            return [self.address.parameters() | {"password": _read_password(self.given)}]
        refuse_if_others_may_read(
            Path(os.environ.get("PGPASSFILE") or Path("~/.pgpass").expanduser())
        )
        kept = [self.address.parameters(self.kept)] if self.kept.is_file() else []
        return [*kept, self.address.parameters()]

    def _explained(self, said: str) -> NotPossibleHere:
        """libpq's words, which never hold the password, and what to type."""
        address = self.address
        reason = said.splitlines()[0].rpartition("failed: ")[2].removeprefix("FATAL:").strip()
        if "no password supplied" in said or "password authentication failed" in said:
            line = f"{'*' if address.by_socket else address.host}:{address.port}:{address.name}"
            remedy = (
                f"write {line}:{address.user}:PASSWORD into ~/.pgpass, then chmod 600 ~/.pgpass"
            )
        elif "does not exist" in said and "database" in said:
            remedy = (
                f"make it on the server: createdb --encoding=UTF8 --template=template0 "
                f"--owner={address.user} {address.name}"
            )
        else:
            remedy = f"correct `hub.database`, or the server; to try: psql '{address}'"
        return NotPossibleHere(f"PostgreSQL at {address}: {reason}", next_step=remedy)


def refuse_if_others_may_read(path: Path) -> None:
    """NotPossibleHere with what to type; libpq itself passes over such a file in silence."""
    if path.is_file() and path.stat().st_mode & 0o077:
        raise NotPossibleHere(
            f"others may read {path}, so it is no place for a password",
            next_step=f"chmod 600 {path}",
        )


def _read_password(file: Path) -> str:
    refuse_if_others_may_read(file)
    lines = file.read_text().splitlines()
    if len(lines) != 1 or not lines[0]:
        raise NotPossibleHere(
            f"{file} must have one line, the password, and nothing else",
            next_step=f"write the password into {file}",
        )
    return lines[0]


def ensure_password_file(
    file: Path, address: DatabaseAddress, password: str, reader: Owner | None = None
) -> None:
    """The password for the programs of one account, in libpq's format; none: no file."""
    if not password:
        file.unlink(missing_ok=True)
        return
    escaped = [part.replace("\\", "\\\\").replace(":", "\\:") for part in (address.name, password)]
    write_if_changed(file, f"*:*:{escaped[0]}:{address.user}:{escaped[1]}\n", 0o600)
    if reader is not None:
        os.chown(file, reader.uid, reader.gid)


_COMMENT = "select obj_description(oid, 'pg_namespace') from pg_namespace where nspname = %s"
_MAY_CREATE = "select has_database_privilege(current_database(), 'CREATE')"
