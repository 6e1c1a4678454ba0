"""The address of a database: what is accepted, what it becomes, and no password gets through."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import make_url

from hub_config.database.address import NoAddress, parse_address, schema_names


@pytest.mark.parametrize(
    "text",
    [
        "postgresql://ws@db.example.org/class",
        "postgresql://ws@db.example.org:6543/class",
        "postgresql://ws@[::1]/class",
        "postgresql://ws@/class?host=/run/postgresql",
        "postgresql://ws@db.example.org/class?sslmode=verify-full&sslrootcert=/etc/ca.pem",
    ],
)
def test_an_address_reads_back_as_it_was_written(text: str) -> None:
    assert str(parse_address(text)) == text


def test_sqlalchemy_gets_a_schema_and_a_file_with_the_password(tmp_path: Path) -> None:
    passfile = tmp_path / "pg pass"
    text = "postgresql://ws@/class?host=/run/postgresql&sslmode=require"
    url = make_url(parse_address(text).url("hub_demo", passfile))
    assert (url.drivername, url.username, url.password) == ("postgresql+psycopg", "ws", None)
    assert (url.host, url.port, url.database) == (None, 5432, "class")
    assert dict(url.query) == {
        "host": "/run/postgresql",
        "sslmode": "require",
        "options": "-csearch_path=hub_demo",
        "passfile": str(passfile),
    }


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("postgresql://ws:secret@db/class", "a password in the address"),
        ("postgresql://ws@db/class?password=secret", "a password in the address"),
        ("mysql://ws:secret@db/class", "an address that doesn't begin with postgresql://"),
        ("secret", "an address that doesn't begin with postgresql://"),
        ("postgresql://ws@db:secret/class", "an address that can't be read"),
        ("postgresql://db/class", "an address without a user"),
        ("postgresql://ws@db", "an address without a name of a database"),
        ("postgresql://ws@/class", "an address without a host"),
        ("postgresql://ws@db/class?options=-csecret", "`options` after the question mark"),
        (
            "postgresql://ws@db/a%27b",
            "a name of a database with other characters than letters, digits, _, . and -",
        ),
    ],
)
def test_what_is_wrong_is_said_without_a_word_of_what_was_written(text: str, found: str) -> None:
    with pytest.raises(NoAddress) as caught:
        parse_address(text)
    assert str(caught.value) == found
    assert "secret" not in found


def test_two_workshops_can_share_a_database() -> None:
    assert schema_names("nlp-day") == ("hub_nlp_day", "gradebook_nlp_day")
