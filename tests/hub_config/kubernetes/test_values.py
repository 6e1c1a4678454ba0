"""What a workshop's file and roster become in the values of the chart."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from hub_config.kubernetes.chart import mistakes, own_schema, read_schema
from hub_config.kubernetes.values import Image, chart_values
from hub_config.people import Person
from hub_config.spec import WorkshopSpec
from provisioning.errors import BadInput

LEAST = {"name": "demo", "course": "coursework/nlp", "seats": 3}
IMAGE = Image("registry.example.org/seat", "abc")
PEOPLE = (
    Person("Grace Hopper", "grace@example.org", "instructor", "grace"),
    Person("Marie Curie", "", "assistant", "marie"),
    Person("Ada Lovelace", "", "attendee", "ada"),
    Person("Alan Turing", "", "attendee", "alan"),
)
EC2 = {"provider": "ec2", "region": "us-east-1", "gpu": {"count": 4}}
TLS = {"certificate": "hub.pem", "key": "hub.key"}


def values(**changes: Any) -> dict[str, Any]:
    spec = WorkshopSpec.model_validate({**LEAST, **changes})
    return chart_values(spec, PEOPLE, IMAGE)


def test_only_the_roster_may_enter_and_everybody_is_in_a_group() -> None:
    told = values()["hub"]
    login, hub = told["config"]["Authenticator"], told["config"]["JupyterHub"]
    assert login == {"allowed_users": ["ada", "alan", "grace", "marie"], "admin_users": []}
    assert hub["load_groups"] == {
        "attendees": {"users": ["ada", "alan"]},
        "assistants": {"users": ["marie"]},
        "instructors": {"users": ["grace"]},
    }
    assert told["loadRoles"]["staff"]["groups"] == ["instructors", "assistants"]
    assert told["config"]["FirstUseAuthenticator"] == {"create_users": False}


def test_another_login_comes_along_with_its_traits() -> None:
    login = {"class": "oauthenticator.github.GitHubOAuthenticator", "config": {"client_id": "x"}}
    config = values(hub={"login": login})["hub"]["config"]
    assert config["JupyterHub"]["authenticator_class"] == login["class"]
    assert config["GitHubOAuthenticator"] == {"client_id": "x"}
    assert "FirstUseAuthenticator" not in config


def test_a_seat_has_its_limits_in_units_that_helm_leaves_alone() -> None:
    seat = values(seat={"memory": "1.5G", "cpus": 2.0})["singleuser"]
    assert seat["memory"] == {"limit": "1536M", "guarantee": "1536M"}
    assert seat["cpu"] == {"limit": 2.0, "guarantee": 0.25}
    assert seat["image"] == {"name": "registry.example.org/seat", "tag": "abc"}


def test_no_seat_reaches_the_clusters_network_or_the_clouds_metadata() -> None:
    seat = values()["singleuser"]
    rules = seat["networkPolicy"]["egressAllowRules"]
    assert rules == {"cloudMetadataServer": False, "privateIPs": False}
    assert seat["cloudMetadata"]["blockWithIptables"] is True
    assert seat["allowPrivilegeEscalation"] is False


@pytest.mark.parametrize(
    ("changes", "gpus"),
    [
        ({}, None),
        ({"hosts": EC2}, "1"),
        ({"hosts": EC2, "seat": {"gpu": "shared"}}, None),
        ({"hosts": {**EC2, "gpu": {"count": 0}}}, None),
    ],
)
def test_a_whole_gpu_for_each_seat_is_asked_for(changes: dict[str, Any], gpus: str | None) -> None:
    resources = values(**changes)["singleuser"].get("extraResource", {"limits": {}})
    assert resources["limits"].get("nvidia.com/gpu") == gpus


def test_an_own_certificate_is_a_secret_of_the_cluster() -> None:
    told = values(hub={"tls": TLS, "address": "https://hub.example.org"})["proxy"]["https"]
    assert told["hosts"] == ["hub.example.org"]
    assert told["secret"] == {"name": "demo-tls", "key": "tls.key", "crt": "tls.crt"}
    assert values()["proxy"]["https"] == {"enabled": False}


@pytest.mark.parametrize("changes", [{}, {"hosts": EC2}, {"hub": {"tls": TLS}}])
def test_every_key_is_one_that_we_mean_to_write(changes: dict[str, Any]) -> None:
    assert mistakes(values(**changes), own_schema()) == ()


def test_a_key_that_the_chart_does_not_know_is_named() -> None:
    told = values()
    told["singleuser"]["memry"] = told["singleuser"].pop("memory")
    told["cull"]["timeout"] = "an hour"
    assert mistakes(told, own_schema()) == (
        "cull.timeout: 'an hour' is not of type 'integer'",
        "singleuser: Additional properties are not allowed ('memry' was unexpected)",
    )


def test_the_charts_own_schema_is_used_and_what_helm_adds_is_not_missed(tmp_path: Path) -> None:
    """`required` is about the chart's own values too; a property may have that name."""
    file = tmp_path / "values.schema.json"
    schema = {
        "type": "object",
        "required": ["rbac"],
        "properties": {
            "hub": {"type": "object", "required": ["baseUrl"]},
            "cull": {"type": "object", "properties": {"every": {"type": "string"}}},
            "required": {"type": "string"},
        },
    }
    file.write_text(json.dumps(schema))
    assert mistakes(values(), read_schema(file)) == ("cull.every: 60 is not of type 'string'",)
    assert mistakes({"required": 1}, schema) == ("required: 1 is not of type 'string'",)


@pytest.mark.parametrize("text", ["", "[]", "{}"])
def test_a_file_that_is_no_schema_is_refused_with_where_to_get_one(
    tmp_path: Path, text: str
) -> None:
    file = tmp_path / "values.schema.json"
    file.write_text(text)
    with pytest.raises(BadInput) as caught:
        read_schema(file)
    assert "helm pull jupyterhub" in caught.value.next_step
