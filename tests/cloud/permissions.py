"""May the credentials do that? By a list of denied actions, or by an IAM policy document.

The policy is read as IAM does it, in a small part: identity-based, Allow and Deny, Action and
Resource with wildcards, and conditions on tags, on the creating action and on the region. A
call that touches several resources needs a statement for each of them.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonec2.html
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from tests.cloud.api_call import Call, Refused
from tests.cloud.region import Region
from tests.cloud.settings import Settings

#: Needs no permission at all.
#: https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html
_FREE = ("sts:GetCallerIdentity",)
_KINDS = {
    "i": "instance",
    "sg": "security-group",
    "vol": "volume",
    "eni": "network-interface",
    "key": "key-pair",
    "subnet": "subnet",
    "vpc": "vpc",
    "sir": "spot-instances-request",
    "eipalloc": "elastic-ip",
    "lt": "launch-template",
    "snap": "snapshot",
    "ami": "image",
    "sgr": "security-group-rule",
}
#: What RunInstances is authorized on, besides what it makes.
_RUN_MAKES = ("instance", "volume", "network-interface")
_CREATES = {
    "CreateSecurityGroup": ("security-group",),
    "ImportKeyPair": ("key-pair",),
    "CreateKeyPair": ("key-pair",),
    "CreateLaunchTemplate": ("launch-template",),
    "AllocateAddress": ("elastic-ip",),
    "CreateVolume": ("volume",),
}


@dataclass(frozen=True)
class Question:
    """May `action` be done to `resource`, in these circumstances?"""

    action: str
    resource: str
    context: Mapping[str, str | tuple[str, ...]] = field(default_factory=dict)


def require_allowed(settings: Settings, region: Region, call: Call) -> None:
    """Raises: Refused, as the service says it."""
    name = f"{call.service}:{call.action}"
    if name in _FREE:
        return
    denied = any(fnmatchcase(name.lower(), pattern.lower()) for pattern in settings.denied)
    if not denied and settings.policy is not None:
        policy = settings.policy
        denied = not all(allows(policy, question) for question in questions(region, call))
    if denied:
        raise _not_authorized(call)


def allows(policy: Mapping[str, Any], question: Question) -> bool:
    """Denied unless allowed; a Deny wins."""
    effects = [
        statement["Effect"]
        for statement in _listed(policy["Statement"])
        if _applies(statement, question)
    ]
    return "Allow" in effects and "Deny" not in effects


def questions(region: Region, call: Call) -> Iterator[Question]:
    """Every pair of action and resource that the call needs."""
    action = f"{call.service}:{call.action}"
    circumstances = {"aws:RequestedRegion": call.region}
    if call.service == "ssm":
        for name in call.parameters.get("Names") or [call.get("Name") or call.get("Path")]:
            yield Question(action, f"arn:aws:ssm:{region.name}::parameter{name}", circumstances)
        return
    if call.service != "ec2" or call.action.startswith("Describe"):
        yield Question(action, "*", circumstances)
        return
    made = tuple(_made(call))
    yield from _about_new_things(region, call, made, circumstances)
    existing = list(_existing(region, call))
    asked = _in_request(call.groups("Tag"))
    for kind, name in existing:
        arn = _arn(region, kind, name)
        yield Question(action, arn, {**circumstances, **_tags(region, name), **asked})
    if not made and not existing:
        yield Question(action, "*", circumstances)


def _made(call: Call) -> Iterator[str]:
    """Kinds of things that the call makes. A spot request only counts if it is tagged.

    https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ExamplePolicies_EC2.html#iam-example-spot-instances
    """
    yield from _RUN_MAKES if call.action == "RunInstances" else _CREATES.get(call.action, ())
    if call.action == "RunInstances" and "spot-instances-request" in _requested_tags(call):
        yield "spot-instances-request"


def _about_new_things(
    region: Region, call: Call, made: tuple[str, ...], circumstances: Mapping[str, str]
) -> Iterator[Question]:
    """https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/supported-iam-actions-tagging.html"""
    asked = _requested_tags(call)
    for kind in (*made, *(kind for kind in asked if kind not in made)):
        tags = [{"Key": key, "Value": value} for key, value in asked.get(kind, {}).items()]
        context = {**circumstances, **_in_request(tags)}
        arn = _arn(region, kind, "*")
        if kind in made:
            yield Question(f"ec2:{call.action}", arn, context)
        if tags:
            creating = {"ec2:CreateAction": call.action}
            yield Question("ec2:CreateTags", arn, {**context, **creating})


def _in_request(tags: list[dict[str, str]]) -> dict[str, str | tuple[str, ...]]:
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html"""
    values = {f"aws:RequestTag/{one['Key']}": one.get("Value", "") for one in tags}
    return {**values, "aws:TagKeys": tuple(one["Key"] for one in tags)} if tags else {}


def _existing(region: Region, call: Call) -> Iterator[tuple[str, str]]:
    """Kind and id of the resources that the parameters name."""
    for name, value in call.parameters.items():
        if name.startswith(("Filter.", "TagSpecification.")) or not isinstance(value, str):
            continue
        if name == "KeyName" and call.action != "ImportKeyPair":
            yield "key-pair", value
        elif value.startswith(("eni-attach-", "eipassoc-")):
            yield from _both_ends(region, value)
        elif "Groups." not in name and (kind := _KINDS.get(value.partition("-")[0])):
            yield kind, value


def _both_ends(region: Region, attachment: str) -> Iterator[tuple[str, str]]:
    """What DetachNetworkInterface and DisassociateAddress are asked on.

    https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonec2.html
    """
    for interface in region.backend.enis.values():
        if interface.attachment_id == attachment:
            yield "network-interface", interface.id
            yield "instance", interface.instance.id
    for address in region.backend.addresses:
        if address.association_id == attachment:
            yield "elastic-ip", address.allocation_id
            yield "network-interface", address.eni.id


def _requested_tags(call: Call) -> dict[str, dict[str, str]]:
    tags: dict[str, dict[str, str]] = {}
    for one in call.groups("TagSpecification"):
        found = tags.setdefault(one["ResourceType"], {})
        for name, key in one.items():
            if name.startswith("Tag.") and name.endswith(".Key"):
                found[key] = one.get(name.removesuffix("Key") + "Value", "")
    return tags


def _tags(region: Region, name: str) -> dict[str, str]:
    keys = [pair.id for pair in region.backend.key_pairs.values() if pair.key_name == name]
    tags = region.backend.tags.get(keys[0] if keys else name, {})
    return {
        f"{prefix}:ResourceTag/{key}": value
        for key, value in tags.items()
        for prefix in ("aws", "ec2")
    }


def _arn(region: Region, kind: str, name: str) -> str:
    account = "" if kind in ("image", "snapshot") else region.account
    return f"arn:aws:ec2:{region.name}:{account}:{kind}/{name}"


def _applies(statement: Mapping[str, Any], question: Question) -> bool:
    actions = [pattern.lower() for pattern in _listed(statement["Action"])]
    return (
        any(fnmatchcase(question.action.lower(), pattern) for pattern in actions)
        and any(_covers(pattern, question.resource) for pattern in _listed(statement["Resource"]))
        and all(
            _holds(operator, key, _listed(values), question.context)
            for operator, tests in statement.get("Condition", {}).items()
            for key, values in tests.items()
        )
    )


def _covers(pattern: str, resource: str) -> bool:
    """`*` in the resource stands for one that will be made: its kind must be covered."""
    return fnmatchcase(resource, pattern) or (
        resource != "*" and fnmatchcase(resource.replace(":*:", "::"), pattern)
    )


def _holds(
    operator: str, key: str, values: list[Any], context: Mapping[str, str | tuple[str, ...]]
) -> bool:
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html"""
    known = {name.lower(): value for name, value in context.items()}
    found = known.get(key.lower())
    match operator:
        case "StringEquals":
            return found in values
        case "StringLike":
            return isinstance(found, str) and any(fnmatchcase(found, value) for value in values)
        case "ForAllValues:StringEquals":
            return all(one in values for one in found or ())
        case "StringEqualsIfExists":
            return found is None or found in values
        case "Null":
            return (found is None) == (str(values[0]).lower() == "true")
        case _:
            raise NotImplementedError(f"this cloud knows no condition operator {operator}")


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _not_authorized(call: Call) -> Refused:
    said = f"You are not authorized to perform this operation: {call.service}:{call.action}."
    if call.service == "ec2":
        return Refused("UnauthorizedOperation", said, 403)
    if call.in_json:
        return Refused("AccessDeniedException", said, 400)
    return Refused("AccessDenied", said, 403)
