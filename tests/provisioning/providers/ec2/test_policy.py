"""The IAM policy allows what the code calls, on the workshop's things, and nothing else."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from provisioning.findings import stops
from provisioning.fleet import Fleet
from provisioning.journal import utc_now
from provisioning.places import wanted_hosts
from provisioning.providers.ec2.errors import NotAllowed
from provisioning.providers.ec2.policy.document import MOST_CHARACTERS, policy, policy_text
from provisioning.providers.ec2.preflight import Question, preflight
from provisioning.providers.ec2.sweep import sweep
from tests.cloud.cloud import Cloud
from tests.cloud.faults import error
from tests.provisioning.providers.ec2.rehearsal import Rehearsal, spec
from tests.provisioning.providers.ec2.things import Things

PAGE = Path(__file__).parents[4] / "docs" / "aws-permissions.md"
#: Needs no permission: https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html
FREE = {"sts:GetCallerIdentity"}


def allowed(document: Mapping[str, Any]) -> set[str]:
    return {action for statement in document["Statement"] for action in statement["Action"]}


def called(cloud: Cloud) -> set[str]:
    """Calls that were meant, and no dry runs: `plan` tries on ids of nothing, which is refused."""
    return {f"{one.call.service}:{one.action}" for one in cloud.calls if not one.call.dry} - FREE


def refused(cloud: Cloud) -> set[str]:
    errors = ("UnauthorizedOperation", "AccessDeniedException")
    return {one.action for one in cloud.calls if one.outcome in errors and not one.call.dry}


def plan(rehearsal: Rehearsal) -> None:
    wanted = wanted_hosts(rehearsal.hosts)
    today = rehearsal.time.utc().date()
    access = rehearsal.hosts.access
    question = Question("nlp", wanted, Fleet("nlp"), (), access, 8, None, today)
    answers = preflight(Things("nlp").aws, question, clock=rehearsal.time.utc)
    assert answers.images is not None
    assert not [one for one in stops(answers.findings) if "quota" not in one.what]


def whole_life(rehearsal: Rehearsal) -> None:
    """Every verb of the provider, on a fleet with hosts on demand and on the spot market."""
    plan(rehearsal)
    launched = rehearsal.up()
    assert launched.missing == ()
    provider = rehearsal.provider()
    provider.stop(("hub",), rehearsal.tell)
    provider.start(("hub",), rehearsal.tell)
    provider.console("hub")
    provider.note_deadline(("hub", "gpu-01"), rehearsal.time.utc() + timedelta(hours=9))
    rehearsal.my_address = lambda: "203.0.113.44"
    rehearsal.provider().access_refresh()
    rehearsal.provider().replace(rehearsal.place("gpu-01"), rehearsal.tell)


def what_people_add(cloud: Cloud) -> None:
    """Things that only the console makes; with rights that the policy doesn't give."""
    things = Things("nlp")
    made = things.one_of_each()
    other = Things("").instance("", InstanceType="m4.large")  # of a type outside of the catalogue
    group = things.group("extra")
    rules = [rule(made["security-group"])]
    things.call("authorize_security_group_egress", GroupId=group, IpPermissions=rules)
    interface = things.interface(group)
    things.call(
        "attach_network_interface", NetworkInterfaceId=interface, InstanceId=other, DeviceIndex=1
    )


def rule(group: str) -> dict[str, Any]:
    pairs = [{"GroupId": group}]
    return {"IpProtocol": "tcp", "FromPort": 1, "ToPort": 2, "UserIdGroupPairs": pairs}


@pytest.fixture
def lived(rehearsal: Rehearsal) -> Rehearsal:
    rehearsal.hosts = spec(access=("auto",), gpu={"count": 2, "market": "spot"})
    return rehearsal


def test_the_code_calls_what_the_policy_allows_and_nothing_else(lived: Rehearsal) -> None:
    """Under the policy itself, so each call is also allowed on the very resources it names."""
    cloud = lived.cloud
    what_people_add(cloud)
    cloud.calls.clear()
    cloud.settings.policy = policy(["us-east-1"], "nlp")
    never_asked = error("NoSuchResourceException")  # so there is only AWS's default quota
    cloud.faults.add(action="GetServiceQuota", effect=never_asked, times=1)
    whole_life(lived)
    sweep(Things("nlp").aws, now=lived.time.utc())
    assert lived.provider().down(lived.tell).empty
    assert refused(cloud) == set()
    assert called(cloud) == allowed(policy())


def test_everything_that_is_made_must_carry_the_tag(cloud: Cloud) -> None:
    cloud.settings.policy = policy()
    ours, untagged = Things("nlp"), Things("")
    ours.instance()
    ours.key_pair()
    ours.group("hosts")
    for make in (untagged.instance, untagged.key_pair, lambda: untagged.group("mine")):
        with pytest.raises(NotAllowed):
            make()


def test_things_of_others_can_not_be_touched(cloud: Cloud) -> None:
    others = {name: Things(name).one_of_each() for name in ("", "vision")}
    cloud.settings.policy = policy(workshops="nlp")
    call = Things("nlp").call
    for made in others.values():
        for operation, parameter, kind in (
            ("terminate_instances", "InstanceIds", "instance"),
            ("stop_instances", "InstanceIds", "instance"),
            ("delete_volume", "VolumeId", "volume"),
            ("delete_network_interface", "NetworkInterfaceId", "network-interface"),
            ("release_address", "AllocationId", "elastic-ip"),
            ("delete_security_group", "GroupId", "security-group"),
            ("delete_key_pair", "KeyPairId", "key-pair"),
            ("delete_launch_template", "LaunchTemplateId", "launch-template"),
            ("delete_snapshot", "SnapshotId", "snapshot"),
            ("deregister_image", "ImageId", "image"),
        ):
            value = [made[kind]] if parameter.endswith("Ids") else made[kind]
            with pytest.raises(NotAllowed):
                call(operation, **{parameter: value})


def test_nothing_becomes_the_workshops_by_a_later_tag(cloud: Cloud) -> None:
    volume, mine = Things("").volume(), Things("nlp").volume()
    cloud.settings.policy = policy()
    with pytest.raises(NotAllowed):
        Things("nlp").tag(volume)
    with pytest.raises(NotAllowed):
        Things("vision").tag(mine)
    deadline = [{"Key": "workshop:deadline", "Value": "2026-11-21T20:00:00Z"}]
    Things("nlp").call("create_tags", Resources=[mine], Tags=deadline)


def test_other_regions_are_closed_for_making(cloud: Cloud) -> None:
    cloud.settings.policy = policy(["eu-west-1"])
    Things("nlp", "eu-west-1").key_pair()
    with pytest.raises(NotAllowed):
        Things("nlp", "us-east-1").key_pair()
    assert set(sweep(Things("").aws, now=utc_now()).regions) == set(cloud.settings.regions)


def test_no_role_can_be_given_to_a_host() -> None:
    actions = allowed(policy())
    assert not [action for action in actions if action.startswith(("iam:", "sts:"))]
    assert not [action for action in actions if "Profile" in action or "*" in action]


def test_iam_takes_it_also_for_many_regions() -> None:
    text = policy_text([f"ap-southeast-{number}" for number in range(1, 9)], "workshop-of-*")
    assert len("".join(text.split())) < MOST_CHARACTERS


def test_the_page_shows_this_policy() -> None:
    blocks = re.findall(r"```json\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert [json.loads(block) for block in blocks] == [policy()]
