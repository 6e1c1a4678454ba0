"""A teardown ends everything of its workshop and nothing else, from wherever it begins."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from provisioning.journal import Journal
from provisioning.providers.ec2.errors import NoCredentials
from provisioning.providers.ec2.inventory import Look, NotLookedAt, look
from provisioning.providers.ec2.left import SomethingLeft
from provisioning.providers.ec2.teardown import Patience, Teardown, take_down
from provisioning.providers.protocol import Inventory
from tests.cloud.cloud import Cloud
from tests.cloud.faults import CLOSED, DENIED, LOST, THROTTLED
from tests.provisioning.providers.ec2.things import Things, Time

TWO = ("eu-west-1", "us-east-1")
CHANGES = ("Terminate", "Delete", "Release", "Cancel", "Deregister", "Detach", "Revoke")


@dataclass
class Desk:
    """A person's computer with the journal of a workshop called nlp, perhaps an empty one."""

    cloud: Cloud
    folder: Path
    told: list[tuple[str, int, int, str]] = field(default_factory=list)

    @property
    def time(self) -> Time:
        return Time(self.cloud)

    @property
    def journal(self) -> Journal:
        return Journal(self.folder / "journal.jsonl", clock=self.time.utc)

    def remember(self, region: str = "us-east-1") -> None:
        """An `up` long ago used this region."""
        self.journal.write("done", "ec2.key-pair", region=region)
        self.cloud.advance(3600)

    def down(self, *regions: str) -> Inventory:
        order = Teardown(
            "nlp",
            Things("nlp").aws,
            self.journal,
            regions=regions,
            patience=Patience(standstill=30),
            pace=self.time.pace,
            clock=self.time.utc,
        )
        return take_down(order, lambda *told: self.told.append(told))

    def changes(self) -> list[str]:
        return [one for one in self.cloud.calls.actions() if one.startswith(CHANGES)]

    def left(self, workshop: str = "nlp") -> list[str]:
        """Seen past the API."""
        everything = self.cloud.inventory()
        return [one.id for one in everything if one.tags.get("workshop:name") == workshop]


@pytest.fixture
def desk(cloud: Cloud, tmp_path: Path) -> Desk:
    cloud.settings.regions = ("us-east-1",)  # each one more costs time
    return Desk(cloud, tmp_path)


def test_everything_of_the_workshop_ends_and_nothing_else(desk: Desk) -> None:
    Things("nlp").one_of_each()
    Things("nlp-2").one_of_each()
    before = {one.id for one in desk.cloud.inventory()} - set(desk.left())
    desk.remember()
    inventory = desk.down()
    assert inventory.empty
    assert {one.id for one in desk.cloud.inventory()} == before


def test_no_local_state_is_needed(desk: Desk) -> None:
    desk.cloud.settings.regions = TWO
    for region in TWO:
        Things("nlp", region).instance()
        Things("nlp", region).key_pair()
    inventory = desk.down()
    assert inventory.regions == TWO
    assert desk.left() == []


def test_a_second_time_there_is_nothing_to_do(desk: Desk) -> None:
    Things("nlp").one_of_each()
    desk.remember()
    desk.down()
    desk.cloud.calls.clear()
    assert desk.down().empty
    assert desk.changes() == []


def test_a_region_that_the_journal_does_not_know_is_noticed_by_its_tags(desk: Desk) -> None:
    """A copy of an image, made by hand in another region, with its tags."""
    desk.cloud.settings.regions = TWO
    instance = Things("", "eu-west-1").instance()
    Things("nlp", "eu-west-1").image_of(instance)
    desk.remember("us-east-1")
    assert desk.down().regions == TWO
    assert desk.left() == []


def test_regions_that_a_person_names_are_the_ones_to_look_at(desk: Desk) -> None:
    Things("nlp", "us-west-2").key_pair()
    desk.cloud.settings.denied = {"ec2:DescribeRegions"}
    assert desk.down("us-west-2").regions == ("us-west-2",)
    assert desk.left() == []


def test_spot_requests_are_cancelled_before_their_hosts_end(desk: Desk) -> None:
    Things("nlp").spot_instance()
    desk.remember()
    desk.down()
    assert desk.changes()[:2] == ["CancelSpotInstanceRequests", "TerminateInstances"]


def test_many_hosts_end_with_one_call_and_are_awaited_together(desk: Desk) -> None:
    desk.cloud.settings.shutting_down_seconds = 30
    for number in range(1, 6):
        Things("nlp").instance(f"gpu-{number:02}")
    desk.remember()
    desk.cloud.calls.clear()
    desk.down()
    assert desk.changes() == ["TerminateInstances"]
    assert len(desk.cloud.calls.of("DescribeInstances")) < 12
    assert ("us-east-1", 5, 5, "hosts ended") in desk.told


def test_a_host_whose_launcher_died_before_the_answer_is_caught_late(desk: Desk) -> None:
    desk.cloud.settings.visible_after_seconds = 45
    desk.journal.write("intent", "ec2.launch", region="us-east-1", token="t" * 40)
    Things("nlp").instance(ClientToken="t" * 40)
    assert desk.down().empty
    assert desk.left() == []


def test_a_confirmed_host_that_is_not_visible_yet_is_caught(desk: Desk) -> None:
    desk.cloud.settings.visible_after_seconds = 45
    desk.journal.write("intent", "ec2.launch", region="us-east-1", token="t" * 40)
    instance = Things("nlp").instance(ClientToken="t" * 40)
    desk.journal.write("done", "ec2.launch", region="us-east-1", token="t" * 40, id=instance)
    assert desk.down().empty
    assert desk.left() == []


def test_a_launch_that_never_happened_is_not_awaited_for_ever(desk: Desk) -> None:
    desk.journal.write("intent", "ec2.launch", region="us-east-1", token="t" * 40)
    began = desk.time.now()
    assert desk.down().empty
    assert 120 <= desk.time.now() - began < 180
    began = desk.time.now()
    assert desk.down().empty
    assert desk.time.now() - began < 5


def test_without_a_journal_a_late_host_is_caught_as_well(desk: Desk) -> None:
    desk.cloud.settings.visible_after_seconds = 5
    Things("nlp").instance()
    assert desk.down().empty
    assert desk.left() == []


def test_a_look_that_took_longer_than_a_host_needs_to_show_is_no_proof(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Many regions, calls that are throttled: what was asked first is old when all is answered."""

    late: list[str] = []

    def slowly(*order: Any) -> Look:
        seen = look(*order)
        if not late:
            late.append(Things("nlp").instance())
        desk.cloud.advance(30)
        return seen

    monkeypatch.setattr("provisioning.providers.ec2.teardown.look", slowly)
    assert desk.down().empty
    assert late
    assert desk.left() == []


def test_a_protected_host_is_named_with_what_to_type_and_the_others_end(desk: Desk) -> None:
    group = Things("nlp").group("hosts")
    kept = Things("nlp").instance("gpu-01", SecurityGroupIds=[group])
    protection = {"InstanceId": kept, "DisableApiTermination": {"Value": True}}
    Things("nlp").call("modify_instance_attribute", **protection)
    Things("nlp").instance("gpu-02", SecurityGroupIds=[group])
    Things("nlp").key_pair()
    desk.remember()
    began = desk.time.now()
    with pytest.raises(SomethingLeft, match=r"gpu-01 .* is protected") as refused:
        desk.down()
    assert desk.time.now() - began < 60
    error = refused.value
    assert f"--instance-id {kept} --no-disable-api-termination" in error.next_step
    assert error.hourly.low > 0.05
    assert {one.kind for one in error.inventory.left} == {
        "instance",
        "network-interface",
        "security-group",
        "volume",
    }
    protection["DisableApiTermination"] = {"Value": False}
    Things("nlp").call("modify_instance_attribute", **protection)
    assert desk.down().empty


def test_a_group_that_somebody_else_uses_is_kept_and_its_user_named(desk: Desk) -> None:
    group = Things("nlp").group("hosts")
    other = Things("").instance("", SecurityGroupIds=[group])
    desk.remember()
    with pytest.raises(SomethingLeft, match=f"{group} .* is used by {other}"):
        desk.down()
    assert desk.left() == [group]


def test_an_interface_in_somebody_elses_instance_is_detached(desk: Desk) -> None:
    other = Things("").instance("")
    mine = Things("nlp").interface(Things("nlp").group("hosts"))
    Things("nlp").call(
        "attach_network_interface", NetworkInterfaceId=mine, InstanceId=other, DeviceIndex=1
    )
    desk.remember()
    assert desk.down().empty
    assert desk.left() == []


def test_a_volume_in_somebody_elses_instance_is_left_alone(desk: Desk) -> None:
    other, mine = Things("").instance(""), Things("nlp").volume()
    Things("nlp").call("attach_volume", VolumeId=mine, InstanceId=other, Device="/dev/sdf")
    desk.remember()
    with pytest.raises(SomethingLeft, match=f"{mine} is still attached to {other}") as refused:
        desk.down()
    assert 0.005 < refused.value.hourly.high < 0.05


def test_an_untagged_disk_attached_by_hand_survives(desk: Desk) -> None:
    instance, data = Things("nlp").instance(), Things("").volume()
    Things("").call("attach_volume", VolumeId=data, InstanceId=instance, Device="/dev/sdf")
    desk.remember()
    assert desk.down().empty
    assert data in {one.id for one in desk.cloud.inventory()}


def test_what_aws_made_along_with_a_host_is_awaited_without_a_tag(desk: Desk) -> None:
    things = Things("nlp")
    instance = things.instance(TagSpecifications=things.tagged("instance"))
    desk.remember()
    assert desk.down().empty
    assert [one.kind for one in desk.cloud.inventory()] == []
    (seen,) = desk.journal.of_step("ec2.followers")
    assert {id_.split("-")[0] for id_ in seen.facts["ids"]} == {"vol", "eni"}
    assert instance not in seen.facts["ids"]


def test_missing_permission_ends_what_it_can_and_tells_the_price(desk: Desk) -> None:
    Things("nlp").one_of_each()
    desk.remember()
    desk.cloud.settings.denied = {"ec2:DeleteVolume", "ec2:DescribeLaunchTemplates"}
    with pytest.raises(
        SomethingLeft, match=r"could not be ended and cost at least \$0\.0"
    ) as refused:
        desk.down()
    assert "launch-template can't be listed in us-east-1" in refused.value.message
    assert [one.kind for one in refused.value.inventory.left] == ["volume"]


def test_hosts_that_can_not_be_listed_are_the_first_thing_to_say(desk: Desk) -> None:
    Things("nlp").instance()
    desk.remember()
    desk.cloud.settings.denied = {"ec2:DescribeInstances"}
    with pytest.raises(SomethingLeft, match=r"^instance can't be listed .* at least") as refused:
        desk.down()
    assert "docs/aws-permissions.md" in refused.value.next_step


def test_the_cause_of_a_group_that_stays_is_the_rule_that_may_not_be_removed(desk: Desk) -> None:
    hosts, hub = Things("nlp").group("hosts"), Things("nlp").group("hub")
    Things("nlp").allow(hosts, hub)
    Things("nlp").allow(hub, hosts)
    desk.remember()
    desk.cloud.settings.denied = {"ec2:RevokeSecurityGroupIngress"}
    with pytest.raises(SomethingLeft, match=r"AWS refused .*[Rr]evoke"):
        desk.down()


def test_a_host_that_can_not_be_ended_is_the_cause_and_not_its_group(desk: Desk) -> None:
    group = Things("nlp").group("hosts")
    Things("nlp").instance(SecurityGroupIds=[group])
    desk.remember()
    desk.cloud.faults.add(action="TerminateInstances", effect=THROTTLED)
    with pytest.raises(SomethingLeft, match=r"AWS refused .*[Tt]erminate") as refused:
        desk.down()
    assert "is used by" not in refused.value.message


def test_a_listing_that_is_throttled_is_not_called_a_missing_permission(desk: Desk) -> None:
    desk.remember()
    desk.cloud.faults.add(action="DescribeVolumes", effect=THROTTLED)
    with pytest.raises(NotLookedAt, match="volume can't be listed") as refused:
        desk.down()
    assert "permission" not in refused.value.next_step


def test_what_can_not_be_listed_is_an_error_after_everything_else_ended(desk: Desk) -> None:
    Things("nlp").one_of_each()
    desk.remember()
    desk.cloud.settings.denied = {"ec2:DescribeSnapshots"}
    with pytest.raises(NotLookedAt, match="snapshot can't be listed in us-east-1"):
        desk.down()
    kinds = {one.kind for one in desk.cloud.inventory() if one.tags.get("workshop:name")}
    assert kinds == {"snapshot"}


@pytest.mark.parametrize("fault", [LOST, CLOSED, THROTTLED])
def test_a_bad_line_only_costs_another_round(desk: Desk, fault: object) -> None:
    Things("nlp").one_of_each()
    desk.remember()
    for action in ("Terminate*", "Delete*", "Release*", "DescribeVolumes", "DescribeInstances"):
        desk.cloud.faults.add(action=action, effect=fault, times=2)
    assert desk.down().empty
    assert desk.left() == []


def test_no_credentials_is_said_at_once(desk: Desk) -> None:
    desk.cloud.access_key, kept = "another", desk.cloud.access_key
    try:
        with pytest.raises(NoCredentials):
            desk.down()
    finally:
        desk.cloud.access_key = kept


def test_a_call_that_is_always_refused_ends_in_time(desk: Desk) -> None:
    Things("nlp").one_of_each()
    desk.remember()
    desk.cloud.faults.add(action="*Instances", effect=DENIED, when={"InstanceId.1": bool})
    began = desk.time.now()
    with pytest.raises(SomethingLeft, match="instance i-"):
        desk.down()
    assert desk.time.now() - began < 60


def test_it_can_be_cut_off_after_any_call_and_repeated(desk: Desk) -> None:
    Things("nlp").one_of_each()
    desk.remember()

    class CutOff(BaseException):
        pass

    def cut(*_: object) -> None:
        raise CutOff

    order = Teardown(
        "nlp", Things("nlp").aws, desk.journal, pace=desk.time.pace, clock=desk.time.utc
    )
    with pytest.raises(CutOff):
        take_down(order, cut)
    assert desk.down().empty
    assert desk.left() == []


def test_every_end_is_announced_in_the_journal_and_answered(desk: Desk) -> None:
    Things("nlp").one_of_each()
    desk.remember()
    desk.down()
    entries = desk.journal.of_step("ec2.delete")
    announced = [one.facts["ids"] for one in entries if one.kind == "intent"]
    assert announced == [one.facts["ids"] for one in entries if one.kind != "intent"]
    assert len(announced) >= len(set(desk.changes()))


def test_the_journal_of_a_teardown_alone_does_not_narrow_the_next_one(desk: Desk) -> None:
    """Cut off in the first region, without other local state: the second must not be forgotten."""
    desk.cloud.settings.regions = TWO
    Things("nlp", "eu-west-1").key_pair()
    desk.journal.write("intent", "ec2.delete", region="us-east-1", what="volume", ids=["vol-1"])
    assert desk.down().empty
    assert desk.left() == []


def test_old_launches_cost_no_waiting(desk: Desk) -> None:
    desk.journal.write("intent", "ec2.launch", region="us-east-1", token="t" * 40)
    desk.cloud.advance(timedelta(hours=9).total_seconds())
    began = desk.time.now()
    assert desk.down().empty
    assert desk.time.now() - began < 5
