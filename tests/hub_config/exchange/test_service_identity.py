"""Whose a submission is, the hub's token says. Nothing that a client sends can change it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests

Zipped = Callable[[dict[str, str | bytes]], bytes]


def put(person: Any, ticket: str, body: bytes, **kwargs: Any) -> requests.Response:
    return person.request("PUT", f"api/uploads/{ticket}", data=body, **kwargs)


def test_a_submission_belongs_to_the_owner_of_the_token(
    exchange: Any, tmp_path: Path, zipped: Zipped
) -> None:
    archive = tmp_path / "work.zip"
    archive.write_bytes(zipped({"lab.ipynb": "my answer"}))
    snapshot = exchange.person("ada").client.submit("tokenisation", archive)
    assert snapshot.username == "ada"
    assert snapshot.sha256 == hashlib.sha256(archive.read_bytes()).hexdigest()
    kept = exchange.store / "submissions/tokenisation/ada" / f"{snapshot.id}.zip"
    assert kept.read_bytes() == archive.read_bytes()
    record = json.loads(kept.with_suffix(".json").read_text())
    assert (record["username"], record["assignment"]) == ("ada", "tokenisation")


@pytest.mark.parametrize("field", ["username", "user", "student_id", "name"])
def test_a_forged_owner_in_the_ticket_request_is_refused(exchange: Any, field: str) -> None:
    answer = exchange.person("ada").request(
        "POST", "api/tickets", json={"assignment": "tokenisation", field: "bob"}
    )
    assert answer.status_code == 400
    assert field in answer.json()["message"]
    assert exchange.person("bob").own("tokenisation") == []


def test_a_forged_owner_in_query_header_or_archive_is_filed_under_the_token_s_owner(
    exchange: Any, zipped: Zipped
) -> None:
    ada = exchange.person("ada")
    before = len(ada.own("embeddings"))
    body = zipped(
        {
            "lab.ipynb": "x",
            "bob/embeddings/lab.ipynb": "y",
            "snapshot.json": '{"username": "bob"}',
            "timestamp.txt": "2001-01-01 00:00:00.0 UTC",
        }
    )
    answer = put(
        ada,
        ada.ticket("embeddings"),
        body,
        params={"username": "bob", "user": "bob", "student_id": "bob"},
        headers={"X-Forwarded-User": "bob", "X-User": "bob", "Cookie": "username=bob"},
    )
    assert answer.status_code == 201
    assert answer.json()["username"] == "ada"
    assert answer.json()["received"] > "2026"
    assert len(ada.own("embeddings")) == before + 1
    assert exchange.person("bob").own("embeddings") == []
    assert not (exchange.store / "submissions/embeddings/bob").exists()


def test_another_s_ticket_is_as_good_as_none(exchange: Any, zipped: Zipped) -> None:
    ticket = exchange.person("bob").ticket("tokenisation")
    answer = put(exchange.person("ada"), ticket, zipped({"lab.ipynb": "x"}))
    assert (answer.status_code, answer.json()["error"]) == (410, "ticket-gone")
    assert exchange.person("bob").own("tokenisation") == []


def test_another_s_used_ticket_tells_nothing_about_the_submission(
    exchange: Any, zipped: Zipped
) -> None:
    bob = exchange.person("seat01")
    ticket = bob.ticket("tokenisation")
    assert put(bob, ticket, zipped({"lab.ipynb": "secret"})).status_code == 201
    answer = put(exchange.person("ada"), ticket, zipped({"lab.ipynb": "x"}))
    assert answer.status_code == 410
    assert "submission" not in answer.json()


@pytest.mark.parametrize(
    "assignment",
    ["../tokenisation", "..", "tokenisation/../embeddings", "/etc", "", ".", "a\x00b", "-x", "a b"],
)
def test_a_path_instead_of_an_assignment_is_refused(exchange: Any, assignment: str) -> None:
    answer = exchange.person("ada").request("POST", "api/tickets", json={"assignment": assignment})
    assert answer.status_code == 400


@pytest.mark.parametrize(
    "path",
    [
        "api/releases/..%2F..%2Fstore",
        "api/releases/%2e%2e",
        "api/submissions/tokenisation/..%2Fbob/{id}",
        "api/submissions/..%2Fsubmissions%2Ftokenisation/ada/{id}",
        "api/submissions/tokenisation/ada/..%2F..%2Fbob%2Fx",
        "api/nothing",
    ],
)
def test_path_tricks_in_addresses_find_nothing(exchange: Any, path: str) -> None:
    answer = exchange.person("ines").request("GET", path.format(id="000001-" + "0" * 64))
    assert answer.status_code == 404
    assert answer.json()["remedy"]


def test_others_submissions_and_feedback_stay_closed(
    exchange: Any, tmp_path: Path, zipped: Zipped
) -> None:
    archive = tmp_path / "work.zip"
    archive.write_bytes(zipped({"lab.ipynb": "secret"}))
    snapshot = exchange.person("seat02").client.submit("tokenisation", archive)
    archive.write_bytes(zipped({"lab.html": "well done"}))
    teacher = exchange.person("ines").client
    teacher.put_feedback("tokenisation", "seat02", snapshot.id, archive)

    for kind in ("submissions", "feedback"):
        where = f"api/{kind}/tokenisation/seat02/{snapshot.id}"
        answer = exchange.person("ada").request("GET", where)
        assert (answer.status_code, answer.json()["error"]) == (403, "no-right")
        assert exchange.person("seat02").request("GET", where).ok
        assert exchange.person("ines").request("GET", where).ok
    assert exchange.person("ada").request("GET", "api/submissions/tokenisation").status_code == 403
    everything = exchange.person("ada").client.overview().model_dump_json()
    assert "seat02" not in everything


def test_attendees_can_neither_release_nor_withdraw_nor_give_feedback(
    exchange: Any, zipped: Zipped
) -> None:
    ada = exchange.person("ada")
    body = zipped({"lab.ipynb": "easy"})
    where = "api/feedback/tokenisation/ada/000001-" + "0" * 64
    assert ada.request("PUT", "api/releases/tokenisation", data=body).status_code == 403
    assert ada.request("DELETE", "api/releases/tokenisation").status_code == 403
    assert ada.request("PUT", where, data=body).status_code == 403
    assert ada.request("GET", "api/releases/tokenisation").content != body


def test_a_token_without_rights_is_refused(exchange: Any) -> None:
    hub = exchange.hub
    without_scope = hub.new_token("ada", {"scopes": ["read:users:name!user"]})
    for token, status in [
        (hub.token_of("olga"), 403),
        (without_scope, 403),
        ("0" * 32, 401),
        ("", 401),
    ]:
        answer = requests.get(
            f"{exchange.url}/api/assignments",
            headers={"Authorization": f"token {token}"},
            timeout=10,
        )
        assert answer.status_code == status, token
        assert answer.json()["remedy"]


def test_a_token_with_only_the_scope_of_a_seat_may_submit(
    exchange: Any, tmp_path: Path, zipped: Zipped
) -> None:
    person = exchange.person("seat03")
    person.token = exchange.hub.new_token(
        "seat03", {"scopes": ["access:services!service=exchange"]}
    )
    archive = tmp_path / "work.zip"
    archive.write_bytes(zipped({"lab.ipynb": "x"}))
    assert person.client.submit("tokenisation", archive).username == "seat03"


def test_only_named_services_act_as_instructors_and_none_submits(exchange: Any) -> None:
    assert exchange.service("formgrader").client.overview().instructor
    assert not exchange.service("stranger").client.overview().instructor
    for name in ("formgrader", "stranger"):
        answer = exchange.service(name).request(
            "POST", "api/tickets", json={"assignment": "tokenisation"}
        )
        assert answer.status_code == 403
    assert (
        exchange.service("stranger").request("GET", "api/submissions/tokenisation").status_code
        == 403
    )


def test_a_cookie_or_a_token_in_the_address_lets_nobody_into_the_api(exchange: Any) -> None:
    token = exchange.hub.token_of("ada")
    answer = requests.get(
        f"{exchange.url}/api/assignments",
        params={"token": token},
        cookies={"service-exchange": token},
        timeout=10,
    )
    assert answer.status_code == 401


def test_health_is_open_and_says_nothing_else(exchange: Any) -> None:
    answer = requests.get(f"{exchange.url}/health", timeout=10)
    assert answer.json() == {"status": "ok"}
