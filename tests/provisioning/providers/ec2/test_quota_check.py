"""Quotas that are too small are told with what to send, days ahead; large enough ones are fine."""

from __future__ import annotations

from datetime import date

import pytest

from provisioning.fleet import Market, Role, WantedHost
from provisioning.providers.ec2.quota_check import (
    Group,
    Judgement,
    Lesson,
    Room,
    groups_of,
    judge,
    quotas_of,
)

G, G_SPOT, P, STANDARD = "L-DB2E81BA", "L-3819A6DF", "L-417A185B", "L-1216C47A"
TODAY = date(2026, 11, 21)
LESSON = Lesson("us-east-1", 8, date(2026, 12, 1), TODAY)


def group(role: Role, count: int, *types: str, market: Market = "on-demand") -> Group:
    return Group(role, count, types, market)


def judged(*groups: Group, lesson: Lesson = LESSON, **limits: tuple[int, int]) -> Judgement:
    """With limits and use by code: L_DB2E81BA=(64, 4). Where none is given, there is no room."""
    rooms = {
        code: Room(code, name, *limits.get(code.replace("-", "_"), (0, 0)))
        for code, name in quotas_of(groups).items()
    }
    return judge(groups, rooms, lesson)


def test_hosts_are_counted_by_role_and_each_kind_of_host_is_one_group() -> None:
    hosts = [
        WantedHost(name, role, types, "on-demand", 8, None, ())
        for name, role, types in (
            ("hub", "hub", ("t3.large",)),
            ("gpu-01", "gpu", ("g5.xlarge",)),
            ("gpu-02", "gpu", ("g5.xlarge",)),
        )
    ]
    assert groups_of(hosts) == (group("hub", 1, "t3.large"), group("gpu", 2, "g5.xlarge"))


def test_a_new_account_is_told_exactly_what_it_lacks_and_what_to_send() -> None:
    result = judged(group("gpu", 9, "g4dn.xlarge", "g5.xlarge"))
    (finding,) = result.findings
    assert finding.severity == "stop"
    assert finding.what == (
        "9 hosts g4dn.xlarge (gpu, on demand) need 36 vCPUs, but the quota "
        f'"Running On-Demand G and VT instances" ({G}) of us-east-1 is 0'
    )
    assert finding.remedy == (
        "ask AWS for 36 vCPUs, at least 7 days ahead; the class is in 10 days: "
        f"https://us-east-1.console.aws.amazon.com/servicequotas/home/services/ec2/quotas/{G}"
    )
    (request,) = result.requests
    assert (request.limit, request.wanted) == (0, 36)
    assert request.text == (
        f'Please raise "Running On-Demand G and VT instances" ({G}) in us-east-1 from 0 to 36 '
        "vCPUs. I teach a hands-on class on deep learning on 2026-12-01. It uses 9 instances of "
        "type g4dn.xlarge for about 8 hours; they end themselves afterwards."
    )
    assert request.command == (
        "aws service-quotas request-service-quota-increase --service-code ec2 "
        f"--quota-code {G} --desired-value 36 --region us-east-1"
    )


@pytest.mark.parametrize(
    ("day", "when"),
    [
        (None, "at least 7 days ahead of the class"),
        (date(2026, 12, 24), "at least 7 days ahead; the class is in 33 days"),
        (date(2026, 11, 25), "now, because it can take days, and the class is in 4 days"),
        (date(2026, 11, 22), "now, because it can take days, and the class is tomorrow"),
        (TODAY, "now, because it can take days, and the class is today"),
    ],
)
def test_the_days_that_are_left_are_told(day: date | None, when: str) -> None:
    lesson = Lesson("us-east-1", 8, day, TODAY)
    (finding,) = judged(group("gpu", 1, "g5.xlarge"), lesson=lesson).findings
    assert f"ask AWS for 4 vCPUs, {when}: https" in finding.remedy


def test_what_runs_already_is_subtracted_and_added_to_the_request() -> None:
    result = judged(group("gpu", 2, "g5.xlarge"), L_DB2E81BA=(16, 12))
    (finding,) = result.findings
    assert finding.severity == "stop"
    assert finding.what.endswith("of us-east-1 is 16, and 12 of them run now")
    assert [request.wanted for request in result.requests] == [20]
    enough = judged(group("gpu", 1, "g5.xlarge"), L_DB2E81BA=(16, 12))
    assert [finding.severity for finding in enough.findings] == ["ok"]
    assert enough.requests == ()


def test_roles_that_share_a_quota_are_added_up() -> None:
    groups = (group("hub", 1, "t3.large"), group("arm", 2, "c7g.large"))
    assert [f.severity for f in judged(*groups, L_1216C47A=(6, 0)).findings] == ["ok"]
    (finding,) = judged(*groups, L_1216C47A=(5, 0)).findings
    assert finding.severity == "stop"
    assert finding.what.startswith(
        "1 host t3.large (hub, on demand) and 2 hosts c7g.large (arm, on demand) need 6 vCPUs, but"
    )


def test_without_spot_quota_hosts_on_demand_are_a_way_out_and_a_warning() -> None:
    result = judged(group("gpu", 2, "g4dn.xlarge", market="spot"), L_DB2E81BA=(8, 0))
    (finding,) = result.findings
    assert finding.severity == "warn"
    assert "`up` will take g4dn.xlarge on demand" in finding.what
    assert [request.code for request in result.requests] == [G_SPOT]


def test_another_family_with_room_is_a_way_out() -> None:
    result = judged(group("gpu", 1, "p4d.24xlarge", "g5.xlarge"), L_DB2E81BA=(4, 0))
    (finding,) = result.findings
    assert finding.severity == "warn"
    assert "`up` will take g5.xlarge on demand" in finding.what
    assert [request.code for request in result.requests] == [P]


def test_one_way_out_is_not_promised_to_two_roles() -> None:
    groups = (
        group("gpu", 2, "g4dn.xlarge", market="spot"),
        group("gpu", 2, "g5.xlarge", market="spot"),
    )
    severities = [f.severity for f in judged(*groups, L_DB2E81BA=(8, 0)).findings]
    assert severities[0] == "stop"


def test_spot_without_a_way_back_is_worth_a_warning_and_a_request() -> None:
    result = judged(group("gpu", 2, "g4dn.xlarge", market="spot"), L_3819A6DF=(64, 0))
    assert [finding.severity for finding in result.findings] == ["ok", "warn"]
    assert result.findings[1].what == (
        "spot machines can be taken away, and the quota "
        f'"Running On-Demand G and VT instances" ({G}) of us-east-1 is 0'
    )
    assert [(request.code, request.wanted) for request in result.requests] == [(G, 8)]


def test_p5_on_spot_has_a_quota_of_its_own() -> None:
    assert set(quotas_of([group("gpu", 1, "p5.4xlarge", market="spot")])) == {"L-C4BD4855", P}
    assert set(quotas_of([group("gpu", 1, "p4d.24xlarge", market="spot")])) == {"L-7212CCBC", P}
    assert set(quotas_of([group("hub", 1, "t3.large")])) == {STANDARD}
