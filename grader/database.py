"""Where the gradebook's tables are: `gradebook.db` in the course folder, or a PostgreSQL server.

nbgrader reads and writes both through SQLAlchemy. A course whose gradebook is on a server has
the file `gradebook.url`; the address in it has no password, it names a file that has (libpq's
`passfile`). When the choice changes, the rows move. Like grader.gradebook, this is behind the
one door to nbgrader's database.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path

from alembic.script import ScriptDirectory
from nbgrader.api import Base, Gradebook
from nbgrader.dbutil import ALEMBIC_DIR
from sqlalchemy import Connection, create_engine, insert, inspect, select, text
from sqlalchemy.exc import SQLAlchemyError

from grader import durable
from grader.errors import NotPossibleHere, StepFailed
from grader.folders import CourseFolder

_BACKUPS_KEPT = 20
_STAMP = "%Y%m%dT%H%M%S%f"
_OFTEN_ENOUGH = timedelta(minutes=1)
#: Rows that travel together from one database to the other.
_ROWS_AT_ONCE = 1000


def database_url(folder: CourseFolder) -> str:
    """The gradebook's address, for SQLAlchemy and for nbgrader."""
    return _recorded(folder) or _file_url(folder.gradebook)


def is_there(folder: CourseFolder) -> bool:
    """Whether the gradebook has been made."""
    server = _recorded(folder)
    return _has_tables(server) if server else folder.gradebook.exists()


@contextlib.contextmanager
def reading(folder: CourseFolder) -> Iterator[Connection]:
    """A connection that only reads, for questions that nbgrader's API answers row by row."""
    server = _recorded(folder)
    url = server or f"sqlite:///{folder.gradebook.as_uri()}?mode=ro&uri=true"
    with _connected(url) as connection:
        yield connection


def ensure_gradebook(folder: CourseFolder, course: str, server: str = "") -> bool:
    """Make the database where it is wanted, whole or not at all. Returns whether it was new.

    `server` is the address of a PostgreSQL server; empty: `gradebook.db`. What was in the other
    place is carried over. NotPossibleHere when both places have a gradebook, StepFailed when a
    server doesn't answer.
    """
    with _on_trouble(folder):
        new = _ensure_on(folder, server) if server else _ensure_file(folder)
    if new:
        with Gradebook(database_url(folder), course):
            pass
    return new


def backup(folder: CourseFolder, now: datetime) -> Path | None:
    """Copy the gradebook as it is now into a file of sqlite's; None when there is none yet.

    So a copy opens with plain nbgrader wherever the gradebook is. From a server, which guards
    its rows itself, it is made once a minute at most: a large class's takes a second.
    """
    if not is_there(folder):
        return None
    folder.backups.mkdir(parents=True, exist_ok=True)
    copy, server = folder.backups / f"gradebook-{now:{_STAMP}}.db", _recorded(folder)
    if server and (recent := _copy_since(folder, now - _OFTEN_ENOUGH)):
        return recent
    partial = copy.with_name(durable.PARTIAL + copy.name)
    if server:
        with _on_trouble(folder):
            _fill_file(partial, server)
    else:
        _copy_file(folder.gradebook, partial)
    partial.rename(copy)
    for old in _superfluous(sorted(folder.backups.glob("gradebook-*.db"))):
        old.unlink()
    return copy


def _copy_since(folder: CourseFolder, moment: datetime) -> Path | None:
    newest = max(folder.backups.glob("gradebook-*.db"), default=None)
    return newest if newest and newest.name > f"gradebook-{moment:{_STAMP}}.db" else None


def _recorded(folder: CourseFolder) -> str:
    file = folder.gradebook_address
    return file.read_text().strip() if file.exists() else ""


def _file_url(file: Path) -> str:
    return f"sqlite:///{file}"


def _ensure_file(folder: CourseFolder) -> bool:
    server, new = _recorded(folder), not folder.gradebook.exists()
    if new:
        partial = folder.root / f"{durable.PARTIAL}gradebook.db"
        _fill_file(partial, server)
        partial.rename(folder.gradebook)
    folder.gradebook_address.unlink(missing_ok=True)
    return new


def _ensure_on(folder: CourseFolder, server: str) -> bool:
    before, file = _recorded(folder), folder.gradebook
    there = _has_tables(server)
    if there and file.exists() and not before:
        raise NotPossibleHere(
            f"There are two gradebooks, {file} and the one on the server; both are untouched",
            next_step=f"to keep the server's, rename {file.name}; to keep the file's, "
            "drop the schema on the server; then repeat the command",
        )
    if not before:
        # First, so that a repeated command goes on where a killed one stopped.
        durable.write_text(folder.gradebook_address, server + "\n")
    if not there:
        source = _file_url(file) if file.exists() else before
        with _connected(server) as target:
            _make_tables(target, "" if source == server else source)
            target.commit()
    durable.write_text(folder.gradebook_address, server + "\n")
    if file.exists():
        file.rename(file.with_name("gradebook-before-postgresql.db"))
    return not there


def _fill_file(file: Path, source: str) -> None:
    """A new sqlite file with the source's rows, or with none."""
    file.unlink(missing_ok=True)
    with _connected(_file_url(file)) as target:
        _make_tables(target, source)
        target.commit()


def _make_tables(target: Connection, source: str) -> None:
    """nbgrader's tables, with the rows of the source if there is one. Nothing is committed."""
    Base.metadata.create_all(target)
    # As nbgrader does it, but in one transaction with everything else; nbgrader starts the
    # `alembic` command to learn the version, which takes seconds.
    version = ScriptDirectory(ALEMBIC_DIR).get_current_head()
    target.execute(text("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)"))
    target.execute(text("INSERT INTO alembic_version VALUES (:version)"), {"version": version})
    if source:
        with _connected(source) as connection:
            _copy_rows(connection, target)


def _copy_rows(source: Connection, target: Connection) -> None:
    """Every row as it was at one moment."""
    if source.dialect.name == "postgresql":
        source = source.execution_options(isolation_level="REPEATABLE READ")
    for table in Base.metadata.sorted_tables:
        for rows in source.execute(select(table)).mappings().partitions(_ROWS_AT_ONCE):
            target.execute(insert(table), [dict(row) for row in rows])


def _copy_file(file: Path, copy: Path) -> None:
    with (
        contextlib.closing(sqlite3.connect(file)) as source,
        contextlib.closing(sqlite3.connect(copy)) as target,
    ):
        source.backup(target)


def _has_tables(url: str) -> bool:
    with _connected(url) as connection:
        return bool(inspect(connection).get_table_names())


@contextlib.contextmanager
def _connected(url: str) -> Iterator[Connection]:
    engine = create_engine(url)
    try:
        with engine.connect() as connection:
            yield connection
    finally:
        engine.dispose()


@contextlib.contextmanager
def _on_trouble(folder: CourseFolder) -> Iterator[None]:
    """A database's own words, without the statement and its rows."""
    try:
        yield
    except SQLAlchemyError as error:
        cause = str(getattr(error, "orig", None) or error).splitlines()[0]
        raise StepFailed(
            f"The gradebook's database: {cause}; what was in it is untouched",
            next_step="run `workshop check`, then repeat the command; the course is in "
            f"{folder.root}",
        ) from error


def _superfluous(copies: Sequence[Path]) -> Iterator[Path]:
    """All but the last ones and one for every ten minutes before: on submit, batches are small."""
    ten_minutes = len("gradebook-20261201T093")
    kept: set[str] = set()
    for copy in copies[:-_BACKUPS_KEPT]:
        if copy.name[:ten_minutes] in kept:
            yield copy
        kept.add(copy.name[:ten_minutes])
