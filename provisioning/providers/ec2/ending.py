"""How each kind of thing on EC2 is ended: the calls, and what a refusal of them means.

Everything here may be repeated: what is gone already counts as ended.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, Final

from provisioning.errors import StepFailed, WorkshopError
from provisioning.journal import Journal
from provisioning.providers.ec2 import tags
from provisioning.providers.ec2.aws import Aws
from provisioning.providers.ec2.errors import AnswerLost, AwsError, InUse, NotThere, Throttled
from provisioning.providers.ec2.kinds import Found
from provisioning.providers.ec2.regions import DELETE

# TerminateInstances takes up to 1000; fewer keep a refusal about one of them cheap.
_TOGETHER = 100


#: One call with the id is all that these need.
_DELETIONS: Final = {
    "volume": ("delete_volume", "VolumeId"),
    "image": ("deregister_image", "ImageId"),
    "snapshot": ("delete_snapshot", "SnapshotId"),
    "launch-template": ("delete_launch_template", "LaunchTemplateId"),
    "key-pair": ("delete_key_pair", "KeyPairId"),
    "security-group": ("delete_security_group", "GroupId"),
}


class Protected(StepFailed):
    """Somebody protected the instance against being ended, so a person has to lift that."""


class StillAttached(StepFailed):
    """It hangs on an instance that isn't gone yet, or isn't ours."""


def is_passing(why: WorkshopError) -> bool:
    """Whether time can heal this refusal; after any other one a person has to do something."""
    if isinstance(why, AwsError) and why.code.startswith("Incorrect"):  # IncorrectState
        return True
    return isinstance(why, AnswerLost | InUse | NotThere | StillAttached | Throttled)


def end_together(aws: Aws, things: Iterable[Found], journal: Journal) -> dict[str, WorkshopError]:
    """Cancel spot requests or terminate instances; the ids that refused, and why.

    One instance that may not be ended keeps others of the call alive: then each is asked alone.
    https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_TerminateInstances.html
    """
    things = list(things)
    refused: dict[str, WorkshopError] = {}
    for start in range(0, len(things), _TOGETHER):
        part = things[start : start + _TOGETHER]
        why = _journaled(journal, part, partial(_end_batch, aws, part))
        if why is None:
            continue
        if len(part) == 1 or isinstance(why, AnswerLost | Throttled):
            refused |= {thing.id: why for thing in part}
            continue
        for thing in part:
            refused |= end_together(aws, [thing], journal)
    return refused


def end_each(aws: Aws, things: Iterable[Found], journal: Journal) -> dict[str, WorkshopError]:
    """End things of the other kinds one by one; the ids that refused, and why."""
    refused: dict[str, WorkshopError] = {}
    for thing in things:
        why = _hangs(thing) or _journaled(journal, [thing], partial(_end_one, aws, thing))
        if why is not None:
            refused[thing.id] = why
    return refused


def end_groups(aws: Aws, groups: Iterable[Found], journal: Journal) -> dict[str, WorkshopError]:
    """End security groups; the ids that refused, and why.

    First go the rules that name other groups: a group that another one names can't be deleted.
    Where such a rule stays, that is the cause, and not what AWS says of the group.
    """
    groups = list(groups)
    kept = {group.id: why for group in groups if (why := _revoke(aws, group, journal))}
    refused = end_each(aws, groups, journal)
    return {group: kept.get(group, why) for group, why in refused.items()}


def _revoke(aws: Aws, group: Found, journal: Journal) -> WorkshopError | None:
    """Remove a group's rules that name other groups. Why that was refused, if it was."""
    rules_of = replace(group, kind="security-group-rule")
    for direction, key in (("ingress", "IpPermissions"), ("egress", "IpPermissionsEgress")):
        rules = [*_rules_about_others(group.item.get(key, ()), group.id)]
        operation = f"revoke_security_group_{direction}"
        act = partial(aws.call, "ec2", operation, GroupId=group.id, IpPermissions=rules)
        if rules and (why := _journaled(journal, [rules_of], act)):
            return why
    return None


def _journaled(
    journal: Journal, things: list[Found], act: Callable[[], object]
) -> WorkshopError | None:
    """Do it between an intent and its outcome. None when the things are ended, or were."""
    facts: Mapping[str, Any] = {
        "region": things[0].region,
        "what": things[0].kind,
        "ids": [thing.id for thing in things],
    }
    journal.write("intent", DELETE, **facts)
    try:
        act()
    except NotThere as error:
        if len(things) > 1:  # only one of them may be gone
            return error
    except (AwsError, AnswerLost, StepFailed) as error:
        journal.write("failed", DELETE, **facts, why=error.message)
        return error
    journal.write("done", DELETE, **facts)
    return None


def _end_batch(aws: Aws, things: list[Found]) -> None:
    ids = [thing.id for thing in things]
    if things[0].kind == "spot-instances-request":
        aws.call("ec2", "cancel_spot_instance_requests", SpotInstanceRequestIds=ids)
        return
    try:
        aws.call("ec2", "terminate_instances", InstanceIds=ids)
    except AwsError as error:
        if error.code == "OperationNotPermitted" and len(ids) == 1:
            raise _protected(things[0], error) from error
        raise


def _protected(thing: Found, error: AwsError) -> Protected:
    # Protection against stopping protects against terminating as well:
    # https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-stop-protection.html
    option = "--no-disable-api-stop" if "Stop" in error.said else "--no-disable-api-termination"
    return Protected(
        f"{thing.name or thing.id} ({thing.id}) is protected against being ended: {error.said}",
        next_step=f"aws ec2 modify-instance-attribute --region {thing.region} "
        f"--instance-id {thing.id} {option}   # then `workshop down` again",
    )


def _hangs(thing: Found) -> StillAttached | None:
    """What is attached can't be deleted; an extra interface can at least be detached."""
    if thing.kind not in ("volume", "network-interface") or thing.state != "in-use":
        return None
    attachments = thing.item.get("Attachments") or [thing.item.get("Attachment") or {}]
    if attachments[0].get("DeviceIndex"):  # 0 is the first one, which goes with its instance
        return None
    to = ", ".join(str(one["InstanceId"]) for one in attachments if one.get("InstanceId"))
    return StillAttached(
        f"{thing.kind} {thing.id} is still attached to {to or 'something'}",
        next_step=f"detach {thing.id} in the AWS console ({thing.region}), then "
        "`workshop down` again",
    )


def _end_one(aws: Aws, thing: Found) -> None:
    match thing.kind:
        case kind if kind in _DELETIONS:
            operation, parameter = _DELETIONS[kind]
            aws.call("ec2", operation, **{parameter: thing.id})
        case "elastic-ip":
            if association := thing.item.get("AssociationId"):
                aws.call("ec2", "disassociate_address", AssociationId=association)
            aws.call("ec2", "release_address", AllocationId=thing.id)
        case "network-interface" if thing.state == "in-use":
            attachment = thing.item["Attachment"]["AttachmentId"]
            aws.call("ec2", "detach_network_interface", AttachmentId=attachment, Force=True)
        case "network-interface":
            aws.call("ec2", "delete_network_interface", NetworkInterfaceId=thing.id)
        case _:
            raise StepFailed(
                f"{thing.kind} {thing.id} carries the workshop's tag, but workshop makes no such",
                next_step=f"delete {thing.id} in the AWS console ({thing.region}), or remove "
                f"its tag {tags.NAME}; then `workshop down` again",
            )


def _rules_about_others(rules: Iterable[Mapping[str, Any]], own: str) -> Iterator[dict[str, Any]]:
    for rule in rules:
        others = [pair for pair in rule.get("UserIdGroupPairs", ()) if pair["GroupId"] != own]
        if others:
            kept = {key: rule[key] for key in ("IpProtocol", "FromPort", "ToPort") if key in rule}
            pairs = [{"GroupId": pair["GroupId"], "UserId": pair["UserId"]} for pair in others]
            yield {**kept, "UserIdGroupPairs": pairs}
