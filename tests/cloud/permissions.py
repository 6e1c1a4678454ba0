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
    context: Mapping[str, str] = field(default_factory=dict)


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
    if call.service != "ec2" or not call.changes:
        yield Question(action, "*", circumstances)
        return
    asked = _requested_tags(call)
    made = _RUN_MAKES if call.action == "RunInstances" else _CREATES.get(call.action, ())
    for kind in (*made, *(kind for kind in asked if kind not in made)):
        requested = {f"aws:RequestTag/{key}": value for key, value in asked.get(kind, {}).items()}
        arn = _arn(region, kind, "*")
        if kind in made:
            yield Question(action, arn, {**circumstances, **requested})
        if (
            requested
        ):  # https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/supported-iam-actions-tagging.html
            creating = {"ec2:CreateAction": call.action}
            yield Question("ec2:CreateTags", arn, {**circumstances, **requested, **creating})
    existing = list(_existing(region, call))
    own_tags = {f"aws:RequestTag/{one['Key']}": one.get("Value", "") for one in call.groups("Tag")}
    for kind, name in existing:
        yield Question(
            action, _arn(region, kind, name), {**circumstances, **_tags(region, name), **own_tags}
        )
    if not made and not existing:
        yield Question(action, "*", circumstances)


def _existing(region: Region, call: Call) -> Iterator[tuple[str, str]]:
    """Kind and id of the resources that the parameters name."""
    if call.action == "RunInstances":
        yield "image", str(call.get("ImageId"))
    for name, value in call.parameters.items():
        if name.startswith(("Filter.", "TagSpecification.")) or not isinstance(value, str):
            continue
        if name == "KeyName" and call.action != "ImportKeyPair":
            yield "key-pair", value
        elif "Groups." not in name and (kind := _KINDS.get(value.partition("-")[0])):
            yield kind, value


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
    account = "" if kind == "image" else region.account
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


def _holds(operator: str, key: str, values: list[Any], context: Mapping[str, str]) -> bool:
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html"""
    known = {name.lower(): value for name, value in context.items()}
    found = known.get(key.lower())
    match operator:
        case "StringEquals":
            return found in values
        case "StringLike":
            return found is not None and any(fnmatchcase(found, value) for value in values)
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
