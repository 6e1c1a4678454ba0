"""The journeys of tests/e2e/fleet and of the kill matrix, on machines that Amazon runs."""

from __future__ import annotations

import base64
import subprocess
import time

import boto3
import pytest

from tests.live.live_workshop import LiveWorkshop

pytestmark = pytest.mark.timeout(7200)

HOUR = 1.0


def test_a_workshop_from_plan_to_down(workshop: LiveWorkshop) -> None:
    workshop.write(hours=HOUR)
    workshop.cli("env", "lock", "small")
    workshop.up()

    hosts = workshop.cli("status", "--json").json["hosts"]
    assert sorted(each["host"]["name"] for each in hosts) == workshop.names
    assert all(each["answers"] for each in hosts)
    assert executed(workshop, "hostname") == {name: name for name in workshop.names}
    assert {name: line[:6] for name, line in executed(workshop, "cloud-init status").items()} == {
        name: "status" for name in workshop.names
    }
    assert all(each["ok"] for each in workshop.cli("env", "verify", "--json").json)

    before = {one["InstanceId"] for one in workshop.instances()}
    workshop.cli("host", "replace", "hub", "--yes")
    after = {one["InstanceId"] for one in workshop.instances()}
    assert (len(before & after), len(after)) == (len(before) - 1, len(before))

    workshop.cli("host", "exec", "--on", "hub", "systemd-run --on-active=2 systemctl reboot")
    time.sleep(60)
    proofs = workshop.cli("env", "verify", "--on", "hub", "--json").json
    assert all(each["ok"] for each in proofs)

    workshop.cli("extend", "15")
    workshop.cli("access", "refresh")
    assert "Nothing is left." in workshop.cli("down", "--yes").stdout
    assert workshop.leftovers() == []


def test_stopped_hosts_come_back_at_other_addresses(workshop: LiveWorkshop) -> None:
    workshop.write(hours=HOUR)
    workshop.cli("env", "lock", "small")
    workshop.up()
    workshop.cli("stop", "--on", "hub")
    workshop.cli("start")
    assert executed(workshop, "hostname")["hub"] == "hub"


def test_killed_while_it_launches_there_is_no_duplicate_and_no_leak(
    workshop: LiveWorkshop,
) -> None:
    workshop.write(hours=HOUR)
    workshop.cli("env", "lock", "small")
    workshop.cli("env", "pack", "small")
    workshop.check_budget()
    for seconds in (4.0, 8.0, 15.0):
        with subprocess.Popen(
            workshop.command("up", "--yes"),
            env=workshop.environment(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as child:
            time.sleep(seconds)
            child.kill()
    workshop.cli("up", "--yes")
    places = [
        tag["Value"]
        for one in workshop.instances()
        for tag in one["Tags"]
        if tag["Key"] == "workshop:host"
    ]
    assert sorted(places) == workshop.names


def test_hosts_end_themselves_at_the_deadline_with_nobody_there(workshop: LiveWorkshop) -> None:
    workshop.write(hours=0.25)
    workshop.cli("env", "lock", "small")
    workshop.up()
    give_up = time.monotonic() + 20 * 60
    while workshop.instances():
        assert time.monotonic() < give_up, "the deadline passed, and they still run"
        time.sleep(20)


def test_what_an_attendee_can_read_is_worth_nothing(workshop: LiveWorkshop) -> None:
    """Metadata is for root alone, and the host key of the user-data no longer opens anything."""
    workshop.write(hours=HOUR)
    workshop.cli("env", "lock", "small")
    workshop.up()
    visit = "runuser -u nobody -- curl -sm 3 http://169.254.169.254/ >/dev/null"
    ask = f"{visit} && echo open || echo shut"
    assert set(executed(workshop, ask).values()) == {"shut"}
    ec2 = boto3.client("ec2", region_name=workshop.account.region)
    for one in workshop.instances():
        assert one["MetadataOptions"]["HttpTokens"] == "required"
        assert "IamInstanceProfile" not in one
        answer = ec2.describe_instance_attribute(InstanceId=one["InstanceId"], Attribute="userData")
        told = base64.b64decode(answer["UserData"]["Value"]).decode()
        scanned = subprocess.run(
            ["ssh-keyscan", "-t", "ed25519", one["PublicIpAddress"]],
            capture_output=True,
            text=True,
            check=True,
        ).stdout.split()
        assert scanned[-1].startswith("AAAA")
        assert scanned[-1] not in told


def executed(workshop: LiveWorkshop, command: str) -> dict[str, str]:
    """What the command said on each host."""
    said = workshop.cli("host", "exec", "--json", command).json
    return {name: str(each["output"]).strip() for name, each in said.items()}
