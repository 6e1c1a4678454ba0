"""The container lab's reference keeps the contract for real: programs, sockets, an AWS API."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import jupytext
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from moto.server import ThreadedMotoServer

LAB = Path(__file__).parents[2] / "coursework/nlp/container"
SERVE = Path(__file__).with_name("serve_reference.py")
ROLE = "arn:aws:iam::123456789012:role/workshop"
CALLS = ("create_model", "create_endpoint_config", "create_endpoint")

Call = Callable[..., Any]


def cells(*names: str) -> list[str]:
    """The lab's code without checks and pictures; only these cells, if any are named."""
    found = []
    for cell in jupytext.read(LAB / "lab.py", fmt="py:percent").cells:
        meta = cell.metadata.get("nbgrader", {})
        wanted = not names or meta.get("grade_id") in names
        if cell.cell_type == "code" and not meta.get("grade") and meta and wanted:
            found.append(cell.source)
    return found


@pytest.fixture(scope="module")
def reference(nlp_python: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What happened when the reference trained and served, on loopback."""
    place = tmp_path_factory.mktemp("container")
    shutil.copytree(LAB / "data", place / "data")
    done = subprocess.run(
        [nlp_python, SERVE, place],
        input=json.dumps(cells()),
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_training_leaves_its_model_and_ends_with_zero(reference):
    train = reference["train"]
    assert train["status"] == 0
    assert train["model"] == ["vocab.json", "weights.params"]
    assert train["losses"][1] < train["losses"][0] / 2


def test_a_training_that_fails_says_so(reference):
    train = reference["train"]
    assert train["no data"] == 255
    assert train["failure"].startswith("FileNotFoundError")
    assert train["child"] == 7


@pytest.mark.parametrize(
    ("question", "status"),
    [
        ("ping", 200),
        ("right", 200),
        ("wrong form", 400),
        ("malformed", 400),
        ("wrong type", 415),
        ("oversize", 413),
        ("wrong method", 405),
        ("elsewhere", 404),
    ],
)
def test_each_request_gets_the_number_that_everybody_agreed_on(reference, question, status):
    assert reference["serve"]["answers"][question][0] == status


def test_twenty_at_once_are_answered_and_the_model_is_loaded_once(reference):
    serve = reference["serve"]
    assert [status for status, _ in serve["at once"]] == [200] * 20
    assert serve["loads"] == 1
    great, bad = json.loads(serve["answers"]["right"][1])["scores"]
    assert great > 0.8
    assert bad < 0.2


@pytest.fixture(scope="module")
def api_server() -> Iterator[str]:
    """An AWS API server on loopback."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    yield "http://{}:{}".format(*server.get_host_and_port())
    server.stop()


@pytest.fixture
def client(api_server: str) -> Any:
    return boto3.client(
        "sagemaker",
        region_name="us-west-2",
        endpoint_url=api_server,
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(retries={"max_attempts": 0}, proxies={}),
    )


@pytest.fixture(scope="module")
def functions() -> dict[str, Any]:
    """The reference's own `deploy` and `clean_up`."""
    names: dict[str, Any] = {}
    exec("\n".join(cells("deploy")), names)
    return names


def caller(client: Any, trouble: str = "", *, after: bool = False) -> Call:
    """The lab's `call` on a real client; `trouble` breaks, before its effect or after it."""

    def call(action: str, **request: Any) -> None:
        if action == trouble and not after:
            raise ConnectionError("the request was lost")
        try:
            getattr(client, action)(**request)
        except ClientError as error:
            if "could not find" in str(error).lower() or "not found" in str(error).lower():
                raise LookupError(str(error)) from None
            raise
        if action == trouble:
            raise ConnectionError("the answer was lost")

    return call


def left(client: Any) -> list[str]:
    """Everything of ours that the account still has."""
    return [
        *(each["ModelName"] for each in client.list_models()["Models"]),
        *(each["EndpointConfigName"] for each in client.list_endpoint_configs()["EndpointConfigs"]),
        *(each["EndpointName"] for each in client.list_endpoints()["Endpoints"]),
    ]


def deploy(functions: dict[str, Any], call: Call) -> str:
    image = "123456789012.dkr.ecr.us-west-2.amazonaws.com/reviews:1"
    return functions["deploy"](call, "reviews", image, "s3://workshop/model.tar.gz", ROLE)


def test_a_deployment_is_there_and_gone_after_the_clean_up(client, functions):
    assert deploy(functions, caller(client)) == "reviews"
    assert left(client) == ["reviews"] * 3
    functions["clean_up"](caller(client), "reviews")
    assert left(client) == []


@pytest.mark.parametrize("after", [False, True], ids=["request-lost", "answer-lost"])
@pytest.mark.parametrize("action", CALLS)
def test_nothing_is_left_when_a_call_in_the_middle_fails(client, functions, action, after):
    with pytest.raises(ConnectionError):
        deploy(functions, caller(client, action, after=after))
    assert left(client) == []


def test_a_clean_up_of_nothing_is_fine(client, functions):
    functions["clean_up"](caller(client), "never-made")
    assert left(client) == []
