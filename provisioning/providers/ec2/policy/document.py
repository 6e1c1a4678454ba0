"""Renders the policy as a JSON document for IAM, for some regions and some workshops."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from provisioning.providers.ec2 import tags
from provisioning.providers.ec2.policy.actions import (
    LOOK,
    MAKE,
    OWN,
    PARAMETERS,
    TAKEN_OFF,
    USE,
    USE_OWN,
)

#: What a policy that IAM manages may have, not counting white space.
#: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
MOST_CHARACTERS = 6144

_ASKED = f"aws:RequestTag/{tags.NAME}"
_TAGGED = f"aws:ResourceTag/{tags.NAME}"
#: Images and snapshots have no account in their names, because they can be public.
_WITHOUT_ACCOUNT = ("image", "snapshot")


def policy(regions: Iterable[str] = (), workshops: str = "*") -> dict[str, Any]:
    """The policy for workshops whose names fit the pattern `workshops`, in `regions` (or all).

    Looking is allowed in every region, because a sweep looks everywhere.
    """
    limits = _Limits(tuple(regions), workshops)
    made = sorted({kind for kinds in MAKE.values() for kind in kinds})
    statements = [
        _allow("Look", LOOK),
        _allow("PublicImageIds", PARAMETERS, ["arn:aws:ssm:*::parameter/aws/service/*"]),
        *(
            _allow(f"Make{_short(action)}", (action,), _arns(kinds), limits.of(_ASKED))
            for action, kinds in MAKE.items()
        ),
        *(
            _allow(f"{_short(action)}With", (action,), _arns(kinds), limits.of())
            for action, kinds in USE.items()
        ),
        *(
            _allow(f"{_short(action)}WithOwn", (action,), _arns(kinds), limits.of(_TAGGED))
            for action, kinds in USE_OWN.items()
        ),
        _allow("TagWhatIsMade", ("ec2:CreateTags",), _arns(made), limits.of(_ASKED, made=True)),
        _allow("MoveDeadlines", ("ec2:CreateTags",), ["*"], limits.of(_TAGGED, deadline=True)),
        _allow("ChangeAndEndOwn", OWN, ["*"], limits.of(_TAGGED)),
        *(
            _allow(f"{_short(action)}From", (action,), _arns(kinds), limits.of())
            for action, kinds in TAKEN_OFF.items()
        ),
    ]
    return {"Version": "2012-10-17", "Statement": statements}


def policy_text(regions: Iterable[str] = (), workshops: str = "*") -> str:
    """The policy as people read and copy it."""
    return json.dumps(policy(regions, workshops), indent=2)


class _Limits:
    """The conditions of statements that change something."""

    def __init__(self, regions: tuple[str, ...], workshops: str) -> None:
        self._regions = regions
        self._workshops = workshops

    def of(
        self, tag: str = "", *, made: bool = False, deadline: bool = False
    ) -> dict[str, dict[str, Any]]:
        """Conditions: on a tag that is asked for or there, on the region, on what is tagged."""
        equals: dict[str, Any] = {}
        if self._regions:
            equals["aws:RequestedRegion"] = list(self._regions)
        if made:  # a tag may be set by the call that makes the thing, and not later
            # https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/supported-iam-actions-tagging.html
            equals["ec2:CreateAction"] = [_short(action) for action in MAKE]
        conditions: dict[str, dict[str, Any]] = {}
        if tag:
            conditions["StringLike"] = {tag: self._workshops}
        if equals:
            conditions["StringEquals"] = equals
        if deadline:  # else anything could be made the workshop's, or nobody's
            conditions["ForAllValues:StringEquals"] = {"aws:TagKeys": [tags.DEADLINE]}
        return conditions


def _allow(
    sid: str,
    actions: Iterable[str],
    resources: Iterable[str] = ("*",),
    conditions: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    statement = {
        "Sid": sid,
        "Effect": "Allow",
        "Action": list(actions),
        "Resource": list(resources),
    }
    return statement | ({"Condition": dict(conditions)} if conditions else {})


def _arns(kinds: Iterable[str]) -> list[str]:
    return [f"arn:aws:ec2:*:{'' if kind in _WITHOUT_ACCOUNT else '*'}:{kind}/*" for kind in kinds]


def _short(action: str) -> str:
    return action.removeprefix("ec2:")
