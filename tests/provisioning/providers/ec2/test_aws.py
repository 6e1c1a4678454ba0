"""Whatever boto3 raises comes out as one of our errors."""

from __future__ import annotations

import socket
import threading

import pytest

from provisioning.providers.ec2.aws import Aws
from provisioning.providers.ec2.errors import AnswerLost, NoCredentials, NotThere
from tests.cloud.cloud import Cloud
from tests.cloud.faults import error

PAGE = b"HTTP/1.1 503 Busy\r\nContent-Length: 15\r\n\r\n<html>Try later"


def test_a_page_from_a_proxy_is_a_lost_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=_answer_once, args=(server,), daemon=True).start()
        address = f"http://127.0.0.1:{server.getsockname()[1]}"
        monkeypatch.setenv("AWS_ENDPOINT_URL", address)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIA")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        with pytest.raises(AnswerLost, match="didn't answer DescribeRegions") as lost:
            Aws("us-east-1", attempts=1).call("ec2", "describe_regions")
    assert "\n" not in lost.value.message


def _answer_once(server: socket.socket) -> None:
    client, _ = server.accept()
    with client:
        client.recv(65536)
        client.sendall(PAGE)


def test_a_profile_that_does_not_exist_is_about_credentials() -> None:
    with pytest.raises(NoCredentials, match="nobody"):
        Aws("us-east-1", profile="nobody").call("ec2", "describe_regions")


def test_another_region_is_the_same_account(cloud: Cloud) -> None:
    east = Aws("us-east-1", attempts=1)
    west = east.elsewhere("us-west-2")
    west.call("ec2", "describe_vpcs")
    assert west.region == "us-west-2"
    assert [one.call.region for one in cloud.calls] == ["us-west-2"]


def test_a_quota_that_nobody_raised_is_not_there(cloud: Cloud) -> None:
    """https://docs.aws.amazon.com/servicequotas/2019-06-24/apireference/API_GetServiceQuota.html"""
    missing = error("NoSuchResourceException", 400)
    cloud.faults.add(action="GetServiceQuota", effect=missing)
    with pytest.raises(NotThere):
        Aws("us-east-1", attempts=1).call(
            "service-quotas", "get_service_quota", ServiceCode="ec2", QuotaCode="L-1"
        )
