"""Whose account the live tests use, where, and how much of its money."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

#: Each test plans its own hosts; more than this is a mistake, whoever allows it.
MOST_DOLLARS = 50.0


class Refused(Exception):
    """The tests don't begin: what is missing, or too dear. Nothing was created."""


@dataclass(frozen=True)
class Account:
    """`dollars` is what one test may cost at most; `gpu` whether there are GPU hosts in it."""

    region: str
    dollars: float
    gpu: bool


def account_from(settings: Mapping[str, str]) -> Account:
    """The account by WORKSHOP_LIVE_DOLLARS, _REGION and _GPU. Raises Refused."""
    written = settings.get("WORKSHOP_LIVE_DOLLARS", "")
    try:
        dollars = float(written)
    except ValueError:
        raise Refused(
            "set WORKSHOP_LIVE_DOLLARS to what one test may cost at most, such as 2"
        ) from None
    if not 0 < dollars <= MOST_DOLLARS:
        raise Refused(f"WORKSHOP_LIVE_DOLLARS is {written}: write more than 0, at most 50")
    return Account(
        settings.get("WORKSHOP_LIVE_REGION", "us-east-1"),
        dollars,
        settings.get("WORKSHOP_LIVE_GPU") == "1",
    )


def check_budget(plan: Mapping[str, Any], account: Account) -> float:
    """The most that a plan (`workshop plan --json`) may come to, in dollars.

    That is every host until its deadline, at the dearest price in the range. Raises Refused
    when it is above the limit, when the plan isn't green, or when something exists already.
    """
    if plan["verdict"] != "green":
        reasons = "; ".join(reason["what"] for reason in plan["reasons"])
        raise Refused(f"the plan is {plan['verdict']}: {reasons}")
    if plan["unasked"] or any(host["action"] != "create" for host in plan["hosts"]):
        raise Refused(f"hosts of {plan['workshop']} exist already; this test makes its own")
    most = float(plan["cost"]["event"]["high"])
    if not most > 0 or not plan["cost"]["hours"] > 0:
        raise Refused("the plan names no price, so nothing limits what it costs")
    if most > account.dollars:
        raise Refused(f"the plan may cost ${most:.2f}, above the limit of ${account.dollars:.2f}")
    return most
