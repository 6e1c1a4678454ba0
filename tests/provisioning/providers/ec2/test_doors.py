"""Security groups and the key pair: exactly what is needed, made, repaired, moved."""

from __future__ import annotations

from typing import Any

import pytest

from provisioning.errors import AlreadyTaken
from provisioning.fleet_state import FleetState
from provisioning.providers.ec2.firewall_rules import Doors, Rule, read_rules
from tests.cloud import faults
from tests.provisioning.providers.ec2.rehearsal import HOME, Rehearsal, spec
from tests.provisioning.providers.ec2.things import KEY, Things

EVERYWHERE = {"CidrIp": "0.0.0.0/0"}


def group(kind: str) -> dict[str, Any]:
    filters = [{"Name": "group-name", "Values": [f"workshop-nlp-{kind}"]}]
    (found,) = Things("nlp").call("describe_security_groups", Filters=filters)["SecurityGroups"]
    assert isinstance(found, dict)
    return found


def open_doors() -> tuple[frozenset[Rule], frozenset[Rule]]:
    hub, hosts = (read_rules(group(kind)["IpPermissions"]) for kind in ("hub", "hosts"))
    return hub, hosts


def expected(*access: str) -> tuple[frozenset[Rule], frozenset[Rule]]:
    doors = Doors(access, 8000, group("hub")["GroupId"], group("hosts")["GroupId"])
    return doors.of_hub(), doors.of_hosts()


def test_the_doors_are_open_to_where_people_are_and_to_nobody_else(rehearsal: Rehearsal) -> None:
    rehearsal.up()
    assert open_doors() == expected(HOME)
    assert not [rule for doors in open_doors() for rule in doors if rule.source == "0.0.0.0/0"]


def test_each_host_is_behind_the_doors_of_its_role(rehearsal: Rehearsal) -> None:
    rehearsal.up()
    behind = {
        place: [found.id for found in machine.security_groups]
        for place, (machine,) in rehearsal.alive().items()
    }
    hosts = [group("hosts")["GroupId"]]
    assert behind == {"hub": [group("hub")["GroupId"]], "gpu-01": hosts}


def test_auto_is_the_address_of_today(rehearsal: Rehearsal) -> None:
    rehearsal.hosts = spec(access="auto")
    rehearsal.up()
    assert open_doors() == expected("203.0.113.99/32")


def test_a_moved_instructor_is_let_in_and_the_old_address_out(rehearsal: Rehearsal) -> None:
    rehearsal.hosts = spec(access="auto")
    rehearsal.up()
    rehearsal.my_address = lambda: "198.51.100.4"
    moved = rehearsal.provider().access_refresh()
    assert moved == (("203.0.113.99/32",), ("198.51.100.4/32",))
    assert open_doors() == expected("198.51.100.4/32")
    changes = [action for action in rehearsal.mutations() if "SecurityGroupIngress" in action]
    # Opened before closed, so that nobody is cut off in between.
    assert changes[-4:-2] == ["AuthorizeSecurityGroupIngress", "RevokeSecurityGroupIngress"]


def test_a_refresh_at_the_same_address_changes_nothing(rehearsal: Rehearsal) -> None:
    rehearsal.up()
    rehearsal.cloud.calls.clear()
    assert rehearsal.provider().access_refresh() == ((HOME,), (HOME,))
    assert rehearsal.mutations() == []


def test_doors_that_somebody_opened_are_closed_and_missing_ones_opened(
    rehearsal: Rehearsal,
) -> None:
    rehearsal.up()
    things, hosts = Things("nlp"), group("hosts")["GroupId"]
    opened = [
        {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [EVERYWHERE]},
        {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "192.0.2.0/24"}]},
    ]
    things.call("authorize_security_group_ingress", GroupId=hosts, IpPermissions=opened)
    closed = [{"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": HOME}]}]
    things.call("revoke_security_group_ingress", GroupId=hosts, IpPermissions=closed)
    rehearsal.up()
    assert open_doors() == expected(HOME)


def test_rules_that_a_listing_does_not_show_yet_are_no_failure(rehearsal: Rehearsal) -> None:
    rehearsal.up()
    things, hosts = Things("nlp"), group("hosts")["GroupId"]
    closed = [{"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": HOME}]}]
    things.call("revoke_security_group_ingress", GroupId=hosts, IpPermissions=closed)
    duplicate = faults.error("InvalidPermission.Duplicate", 400, "the rule already exists")
    rehearsal.cloud.faults.add(action="AuthorizeSecurityGroupIngress", effect=duplicate, times=1)
    rehearsal.up()
    assert open_doors() == expected(HOME)


@pytest.mark.parametrize(
    "action", ["CreateSecurityGroup", "AuthorizeSecurityGroupIngress", "ImportKeyPair"]
)
def test_lost_answers_while_making_the_ground_are_no_failure(
    rehearsal: Rehearsal, action: str
) -> None:
    rehearsal.cloud.faults.add(action=action, effect=faults.LOST_CLOSED, times=1)
    assert rehearsal.up((rehearsal.place("hub"),)).missing == ()
    assert open_doors() == expected(HOME)


def test_a_group_of_somebody_else_is_left_alone(rehearsal: Rehearsal) -> None:
    Things("").group("workshop-nlp-hub")
    rehearsal.cloud.calls.clear()
    with pytest.raises(AlreadyTaken, match=r"workshop-nlp-hub .* has no tag of this workshop"):
        rehearsal.up()
    assert rehearsal.mutations() == []


def key_pairs() -> dict[str, str]:
    found = Things("nlp").call("describe_key_pairs", IncludePublicKey=True)["KeyPairs"]
    return {one["KeyName"]: " ".join(one["PublicKey"].split()[:2]) for one in found}


def test_only_the_public_half_of_our_own_key_goes_to_aws(rehearsal: Rehearsal) -> None:
    rehearsal.up()
    public = rehearsal.state.ensure_key()
    assert key_pairs() == {"workshop-nlp": public}
    assert public.startswith("ssh-ed25519 ")
    assert rehearsal.state.key_file.read_text().startswith("-----BEGIN OPENSSH PRIVATE KEY")


def test_a_new_state_folder_brings_its_own_key(rehearsal: Rehearsal) -> None:
    rehearsal.up()
    rehearsal.state = FleetState(rehearsal.state.folder.with_name("elsewhere"))
    rehearsal.up()
    assert key_pairs() == {"workshop-nlp": rehearsal.state.ensure_key()}


def test_a_key_pair_of_somebody_else_is_left_alone(rehearsal: Rehearsal) -> None:
    Things("").call("import_key_pair", KeyName="workshop-nlp", PublicKeyMaterial=KEY.encode())
    with pytest.raises(AlreadyTaken, match=r"key pair workshop-nlp .* has no tag"):
        rehearsal.up()
    assert key_pairs() == {"workshop-nlp": KEY}
