"""A host in every place, each exactly as ordered, and nothing to do the second time."""

from __future__ import annotations

import base64
import json
import stat
from datetime import UTC, datetime
from typing import Any

import pytest
import yaml

from provisioning.fleet import Address, Host
from provisioning.providers.ec2.access import AddressUnknown
from provisioning.providers.ec2.errors import NoNetwork
from tests.cloud.api_call import Call
from tests.provisioning.providers.ec2.rehearsal import Rehearsal, spec
from tests.provisioning.providers.ec2.things import Things


def tags_of(call: Call) -> dict[str, dict[str, str]]:
    """The TagSpecifications by kind."""
    found = {}
    for group in call.groups("TagSpecification"):
        keys = [name for name in group if name.endswith(".Key")]
        pairs = {group[name]: group[name.replace(".Key", ".Value")] for name in keys}
        found[group["ResourceType"]] = pairs
    return found


def cloud_config(call: Call) -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load(base64.b64decode(call.get("UserData")))
    return read


def test_every_place_gets_a_running_host_with_an_address(rehearsal: Rehearsal) -> None:
    launched = rehearsal.up()
    assert launched.missing == ()
    assert launched.created == ("gpu-01", "hub")
    assert [host.name for host in launched.fleet.hosts] == ["gpu-01", "hub"]
    hub = launched.fleet.host("hub")
    assert hub is not None
    assert (hub.state, hub.role, hub.type, hub.attempt) == ("running", "hub", "t3.large", 1)
    assert isinstance(hub.address, Address)
    assert hub.address.user == "ubuntu"
    assert hub.private_address
    assert launched.fleet == rehearsal.provider().observe()


def test_up_again_changes_nothing(rehearsal: Rehearsal) -> None:
    first = rehearsal.up()
    rehearsal.cloud.calls.clear()
    again = rehearsal.up()
    assert rehearsal.mutations() == []
    assert again.created == ()
    assert again.fleet == first.fleet


def test_looking_changes_nothing_and_needs_no_state(rehearsal: Rehearsal) -> None:
    assert rehearsal.provider().observe().hosts == ()
    assert rehearsal.mutations() == []
    assert not rehearsal.state.folder.exists()


def test_an_order_is_tagged_encrypted_closed_and_mortal(rehearsal: Rehearsal) -> None:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_RunInstances.html"""
    rehearsal.hosts = spec(gpu={"count": 1, "market": "spot"}, zones=("us-east-1b",))
    (host,) = rehearsal.up().fleet.of_role("gpu")
    assert host.deadline is not None
    (order,) = rehearsal.orders("gpu-01")
    told = order.call.parameters
    tags = {
        "workshop:name": "nlp",
        "workshop:role": "gpu",
        "workshop:host": "gpu-01",
        "workshop:attempt": "1",
        "workshop:spec": "5e3c",
        "workshop:deadline": f"{host.deadline:%Y-%m-%dT%H:%M:%SZ}",
        "workshop:extendable": "120",
        "Name": "workshop nlp gpu-01",
    }
    kinds = ("instance", "volume", "network-interface", "spot-instances-request")
    assert tags_of(order.call) == dict.fromkeys(kinds, tags)
    group = rehearsal.cloud.calls.of("AuthorizeSecurityGroupIngress")[1].call.get("GroupId")
    expected = {
        "MinCount": "1",
        "MaxCount": "1",
        "InstanceType": "g4dn.xlarge",
        "KeyName": "workshop-nlp",
        "SecurityGroupId.1": group,
        "InstanceInitiatedShutdownBehavior": "terminate",
        "MetadataOptions.HttpTokens": "required",
        "MetadataOptions.HttpEndpoint": "enabled",
        "MetadataOptions.HttpPutResponseHopLimit": "1",
        "BlockDeviceMapping.1.DeviceName": "/dev/sda1",
        "BlockDeviceMapping.1.Ebs.VolumeType": "gp3",
        "BlockDeviceMapping.1.Ebs.VolumeSize": "100",
        "BlockDeviceMapping.1.Ebs.Encrypted": "true",
        "BlockDeviceMapping.1.Ebs.DeleteOnTermination": "true",
        "InstanceMarketOptions.MarketType": "spot",
        "InstanceMarketOptions.SpotOptions.SpotInstanceType": "one-time",
        "InstanceMarketOptions.SpotOptions.InstanceInterruptionBehavior": "terminate",
    }
    given = {"Action", "Version", "ClientToken", "ImageId", "SubnetId", "UserData"}
    rest = {k: v for k, v in told.items() if k not in given and "TagSpecification" not in k}
    assert rest == expected  # so also: no instance profile, no second group, no second disk
    assert len(told["ClientToken"]) == 40


def test_on_demand_makes_no_spot_request(rehearsal: Rehearsal) -> None:
    rehearsal.up()
    (order,) = rehearsal.orders("hub")
    assert tags_of(order.call).keys() == {"instance", "volume", "network-interface"}
    assert not [name for name in order.call.parameters if name.startswith("InstanceMarket")]


def test_everything_that_was_made_has_the_workshops_tag(rehearsal: Rehearsal) -> None:
    rehearsal.hosts = spec(gpu={"count": 1, "market": "spot"})
    rehearsal.up()
    left = rehearsal.cloud.inventory()
    assert {"instance", "volume", "network-interface", "security-group", "key-pair"} <= {
        one.kind for one in left
    }
    assert [one for one in left if one.tags.get("workshop:name") != "nlp"] == []


def test_each_host_gets_a_host_key_of_its_own_that_we_expect(rehearsal: Rehearsal) -> None:
    rehearsal.up()
    keys = set()
    for order in rehearsal.orders():
        place = order.call.get("tag:workshop:host")
        told = cloud_config(order.call)
        assert told["hostname"] == place
        assert rehearsal.state.host_keys(place, 1) == (told["ssh_keys"]["ed25519_public"],)
        keys.add(told["ssh_keys"]["ed25519_private"])
    assert len(keys) == 2


def test_the_host_ends_itself_when_its_tag_says_so(rehearsal: Rehearsal) -> None:
    launched = rehearsal.up()
    (order,) = rehearsal.orders("gpu-01")
    host = launched.fleet.host("gpu-01")
    assert host is not None
    assert host.deadline is not None
    timer = next(
        one["content"]
        for one in cloud_config(order.call)["write_files"]
        if one["path"].endswith("workshop-deadline.timer")
    )
    assert f"OnCalendar={host.deadline:%Y-%m-%d %H:%M:%S} UTC" in timer
    hours = (host.deadline - rehearsal.time.utc()).total_seconds() / 3600
    assert hours == pytest.approx(8, abs=0.2)


def test_later_hosts_end_together_with_the_first_ones(rehearsal: Rehearsal) -> None:
    first = rehearsal.up((rehearsal.place("hub"),)).fleet.hosts[0]
    rehearsal.later(hours=2)
    launched = rehearsal.up()
    assert {host.deadline for host in launched.fleet.hosts} == {first.deadline}


def test_a_fleet_past_its_deadline_gives_new_hosts_a_new_one(rehearsal: Rehearsal) -> None:
    rehearsal.up((rehearsal.place("hub"),))
    rehearsal.later(hours=9)
    deadline = rehearsal.up().fleet.hosts[0].deadline
    assert deadline is not None
    assert deadline > rehearsal.time.utc()


def test_places_are_filled_at_once_and_spread_over_zones(rehearsal: Rehearsal) -> None:
    rehearsal.hosts = spec(gpu={"count": 6})
    launched = rehearsal.up()
    zones = [host.zone for host in launched.fleet.of_role("gpu")]
    assert len(set(zones)) >= 5


def test_hosts_are_waited_for_together(rehearsal: Rehearsal) -> None:
    rehearsal.hosts = spec(gpu={"count": 4})
    rehearsal.cloud.settings.pending_seconds = 60
    rehearsal.up()
    looks = rehearsal.cloud.calls.of("DescribeInstances")
    assert not [one for one in looks if one.call.get("InstanceId.1")]
    assert len(rehearsal.orders()) == 5


def test_a_host_is_handed_on_as_soon_as_it_runs(rehearsal: Rehearsal) -> None:
    rehearsal.cloud.settings.pending_seconds = 30
    handed: list[Host] = []
    seen_while_waiting: list[int] = []

    def hand_on(host: Host) -> None:
        handed.append(host)
        seen_while_waiting.append(len(rehearsal.cloud.calls))

    places = tuple(rehearsal.place(name) for name in ("hub", "gpu-01"))
    launched = rehearsal.provider().ensure(places, rehearsal.tell, hand_on)
    assert sorted(host.name for host in handed) == ["gpu-01", "hub"]
    assert sorted(handed, key=lambda host: host.name) == list(launched.fleet.hosts)
    assert all(host.address for host in handed)


def test_a_stopped_host_runs_after_up(rehearsal: Rehearsal) -> None:
    rehearsal.up()
    rehearsal.provider().stop(("gpu-01",), rehearsal.tell)
    launched = rehearsal.up()
    host = launched.fleet.host("gpu-01")
    assert host is not None
    assert (host.state, host.attempt) == ("running", 1)
    assert len(rehearsal.orders("gpu-01")) == 1


def test_a_disk_is_never_smaller_than_the_image(rehearsal: Rehearsal) -> None:
    rehearsal.hosts = spec(gpu={"count": 1, "disk": "10G"})
    assert rehearsal.up().missing == ()
    (order,) = rehearsal.orders("gpu-01")
    assert order.call.get("BlockDeviceMapping.1.Ebs.VolumeSize") == "35"


def test_the_network_must_be_there_and_nothing_is_made_before(rehearsal: Rehearsal) -> None:
    things = Things("")
    for subnet in things.call("describe_subnets")["Subnets"]:
        off = {"SubnetId": subnet["SubnetId"], "MapPublicIpOnLaunch": {"Value": False}}
        things.call("modify_subnet_attribute", **off)
    rehearsal.cloud.calls.clear()
    with pytest.raises(NoNetwork, match="no subnet that gives public addresses"):
        rehearsal.up()
    assert rehearsal.mutations() == []


def test_an_unknown_own_address_opens_nothing(rehearsal: Rehearsal) -> None:
    def offline() -> str:
        raise AddressUnknown("no internet", next_step="")

    rehearsal.hosts, rehearsal.my_address = spec(access="auto"), offline
    with pytest.raises(AddressUnknown):
        rehearsal.up()
    assert rehearsal.mutations() == []


def test_the_journal_has_every_order_before_the_call_and_no_secret(rehearsal: Rehearsal) -> None:
    rehearsal.up()
    launches = [entry for entry in rehearsal.journal().of_step("ec2.launch")]
    tokens = {order.call.get("ClientToken") for order in rehearsal.orders()}
    assert {entry.facts["token"] for entry in launches if entry.kind == "intent"} == tokens
    assert {entry.facts["token"] for entry in launches if entry.kind == "done"} == tokens
    made = {"ec2.security-group", "ec2.access", "ec2.key-pair"}
    assert made <= {entry.step for entry in rehearsal.journal().entries()}
    assert all(e.facts["region"] for e in rehearsal.journal().entries())
    text = (rehearsal.state.folder / "journal.jsonl").read_text()
    assert "PRIVATE" not in text
    host_keys = json.loads(rehearsal.state.host_keys_file.read_text())
    for known in host_keys.values():
        assert known["bootstrap"]["private"].splitlines()[1] not in text


def test_nobody_else_may_read_the_state(rehearsal: Rehearsal) -> None:
    rehearsal.up()
    assert stat.S_IMODE(rehearsal.state.folder.stat().st_mode) == 0o700
    secret = ("key", "uid", "host-keys.json", "journal.jsonl")
    modes = [stat.S_IMODE((rehearsal.state.folder / name).stat().st_mode) for name in secret]
    assert modes == [0o600] * 4


def test_the_tags_deadline_is_utc(rehearsal: Rehearsal) -> None:
    deadline = rehearsal.up().fleet.hosts[0].deadline
    assert deadline is not None
    assert deadline.tzinfo == UTC
    assert isinstance(deadline, datetime)
