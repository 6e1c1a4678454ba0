"""The address of a PostgreSQL database, as `hub.database` has it: everything but the password."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

WANTED = "an address such as postgresql://user@db.example.org/name, without a password"
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,62}")
_OPTIONS = ("host", "sslmode", "sslrootcert")
_DEFAULT_PORT = 5432


class NoAddress(ValueError):
    """What was found; never the text itself, which may hold a password."""


@dataclass(frozen=True)
class DatabaseAddress:
    """One database on one server. `host` is a name, or the folder of a Unix socket."""

    user: str
    host: str
    port: int
    name: str
    #: sslmode and sslrootcert, as libpq knows them.
    options: tuple[tuple[str, str], ...] = ()

    @property
    def by_socket(self) -> bool:
        """Whether it is reached through a file, which no seat's jail has."""
        return self.host.startswith("/")

    @property
    def on_this_machine(self) -> bool:
        return self.by_socket or self.host in ("localhost", "::1") or self.host.startswith("127.")

    def __str__(self) -> str:
        """As a person writes it; `psql` understands it too."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        place, extra = ("", {"host": self.host}) if self.by_socket else (host, {})
        port = f":{self.port}" if self.port != _DEFAULT_PORT else ""
        told = _query(extra | dict(self.options))
        return f"postgresql://{self.user}@{place}{port}/{self.name}{told}"

    def parameters(self, passfile: Path | None = None) -> dict[str, Any]:
        """What psycopg.connect is told."""
        told = {"user": self.user, "host": self.host, "port": self.port, "dbname": self.name}
        return told | dict(self.options) | ({"passfile": str(passfile)} if passfile else {})

    def url(self, schema: str, passfile: Path | None) -> str:
        """For SQLAlchemy: this database's tables in one schema; libpq reads the password's file."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        extra = {"host": self.host} if self.by_socket else {}
        extra |= dict(self.options) | {"options": f"-csearch_path={schema}"}
        extra |= {"passfile": str(passfile)} if passfile else {}
        place = "" if self.by_socket else host
        return f"postgresql+psycopg://{self.user}@{place}:{self.port}/{self.name}{_query(extra)}"


def parse_address(text: str) -> DatabaseAddress:
    """NoAddress says what is wrong with it, without a word of it."""
    try:
        parts = urlsplit(text)
        port, query = parts.port, dict(parse_qsl(parts.query, strict_parsing=bool(parts.query)))
    except ValueError:
        raise NoAddress("an address that can't be read") from None
    if parts.scheme not in ("postgresql", "postgres"):
        raise NoAddress("an address that doesn't begin with postgresql://")
    if parts.password is not None or "password" in query:
        raise NoAddress("a password in the address")
    if unknown := [key for key in query if key not in _OPTIONS]:
        raise NoAddress(f"`{unknown[0]}` after the question mark")
    host = query.pop("host", None) or parts.hostname or ""
    user, name = parts.username or "", parts.path.removeprefix("/")
    missing = (("user", user), ("host", host), ("name of a database", name))
    for what, value in missing:
        if not value:
            raise NoAddress(f"an address without a {what}")
        if what != "host" and not _NAME.fullmatch(value):
            raise NoAddress(f"a {what} with other characters than letters, digits, _, . and -")
    return DatabaseAddress(user, host, port or _DEFAULT_PORT, name, tuple(query.items()))


def schema_names(workshop: str) -> tuple[str, str]:
    """Where the hub's tables are and where the gradebook's: two workshops can share a database."""
    name = workshop.replace("-", "_")
    # In this order: names that begin with pg_ are the server's own.
    return f"hub_{name}", f"gradebook_{name}"


def _query(pairs: dict[str, str]) -> str:
    """Without percent signs where there is a way: nbgrader's `db upgrade` can't read them."""
    told = "&".join(f"{key}={quote(value, safe='/=-_,.:')}" for key, value in pairs.items())
    return f"?{told}" if told else ""
