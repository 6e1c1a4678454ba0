"""A plan says what will happen, what it costs and whether it can work, before anything does."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date

import pytest

from provisioning.catalogue.money import Range, exactly
from provisioning.findings import Finding
from provisioning.fleet import Fleet, Host
from provisioning.hosts_spec import Ec2HostsSpec, MachineHostsSpec
from provisioning.places import wanted_hosts
from provisioning.plan import Known, Plan, make_plan
from provisioning.plan_steps import names_text
from provisioning.providers.ec2.quota_check import QuotaRequest

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f"
SPEC = Ec2HostsSpec.model_validate(
    {
        "provider": "ec2",
        "region": "us-east-1",
        "access": ("203.0.113.7/32",),
        "spare": 1,
        "gpu": {"count": 2, "market": "spot"},
        "arm": {"count": 1, "types": ("c7g.large",)},
    }
)
OFFERS = {"g4dn.xlarge": ("us-east-1b", "us-east-1a"), "g5.xlarge": ("us-east-1b",)}
REQUEST = QuotaRequest("us-east-1", "L-3819A6DF", "All G", 0, 12, "Please raise it.")


def planned(fleet: Fleet | None = None, known: Known | None = None) -> Plan:
    return make_plan("demo", SPEC, wanted_hosts(SPEC), fleet or Fleet("demo"), known or Known())


def there(name: str, **facts: object) -> Host:
    role = "gpu" if name.startswith("gpu") else "arm" if name.startswith("arm") else "hub"
    kinds = {"hub": "t3.large", "gpu": "g4dn.xlarge", "arm": "c7g.large"}
    host = Host(
        name, role, "running", None, type=kinds[role], region="us-east-1", zone="us-east-1a"
    )
    return replace(host, **facts)


def everything() -> Fleet:
    names = [host.name for host in wanted_hosts(SPEC)]
    return Fleet("demo", tuple(there(name) for name in names))


def test_the_steps_come_in_their_order_and_name_their_hosts() -> None:
    steps = planned().steps
    assert [step.what for step in steps] == [
        "ensure the key pair workshop-demo and security groups that let in 203.0.113.7/32 only, "
        "and hosts to each other",
        "create hub: t3.large; on demand; an encrypted disk of 50 GB",
        "create gpu-01 to gpu-03: g4dn.xlarge, else g5.xlarge; spot, else on demand; "
        "an encrypted disk of 100 GB",
        "create arm-01: c7g.large; on demand; an encrypted disk of 30 GB",
        "wait until each host answers SSH with the host key that we know",
        "ship the environment hub to hub",
        "ship the environment nlp-gpu to gpu-01 to gpu-03",
        "check disk, GPU and environments on each host",
    ]
    assert steps[2].hosts == ("gpu-01", "gpu-02", "gpu-03")


def test_what_is_there_is_kept_what_is_stopped_starts_and_the_rest_is_created() -> None:
    fleet = Fleet(
        "demo", (there("hub"), there("gpu-01", state="stopped"), there("gpu-02", state="gone"))
    )
    plan = planned(fleet, Known(offers=OFFERS))
    actions = {host.name: host.action for host in plan.hosts}
    assert actions == {
        "hub": "keep", "gpu-01": "start", "gpu-02": "create", "gpu-03": "create", "arm-01": "create"
    }  # fmt: skip
    zones = {host.name: host.zones for host in plan.hosts}
    assert zones["hub"] == ("us-east-1a",)
    assert zones["gpu-02"] == ("us-east-1a", "us-east-1b")
    assert "start gpu-01" in [step.what for step in plan.steps]
    assert not plan.nothing_to_do


def test_with_everything_there_is_nothing_to_do_and_no_time_is_predicted() -> None:
    plan = planned(everything())
    assert plan.nothing_to_do
    assert plan.ready == exactly(0)
    assert not [step for step in plan.steps if step.what.startswith(("create", "start", "ensure"))]


def test_the_cost_is_every_host_with_spares_and_disks_for_all_hours() -> None:
    cost = planned().cost
    hub = 0.0832 + 0.005 + 50 * 0.08 / 730
    arm = 0.0725 + 0.005 + 30 * 0.08 / 730
    gpu = Range(0.25 * 0.526 + 0.005 + 100 * 0.08 / 730, 1.006 + 0.005 + 100 * 0.08 / 730)
    assert cost.now == exactly(0)
    assert cost.hourly.low == pytest.approx(hub + arm + 3 * gpu.low)
    assert cost.hourly.high == pytest.approx(hub + arm + 3 * gpu.high)
    assert cost.spares == gpu
    assert cost.event == cost.hourly.times(8)
    assert cost.prices_date == date(2025, 11, 30)


def test_what_is_there_costs_its_own_type_in_its_own_market() -> None:
    fleet = Fleet("demo", (there("gpu-01", type="g5.xlarge", market="on-demand"),))
    plan = planned(fleet)
    host = next(host for host in plan.hosts if host.name == "gpu-01")
    assert host.types == ("g5.xlarge",)
    assert host.hourly.low == host.hourly.high
    assert plan.cost.now == host.hourly


def test_if_everybody_forgets_it_the_plan_says_the_end_and_the_most_it_costs() -> None:
    plan = planned()
    most = plan.cost.event.high
    assert plan.forgotten == (
        "If everybody forgets them, the hosts end themselves 8 hours after they were created, "
        f"with their disks: at most ${int(most) + 1}. "
        f"From the wall staff may add 2 hours: at most ${int(most / 4) + 1} more."
    )
    stopped = planned(Fleet("demo", (there("gpu-01", state="stopped"),)))
    assert "its disk costs on until `workshop down`" in stopped.forgotten


def test_hosts_that_the_file_no_longer_asks_for_are_named_with_their_price() -> None:
    plan = planned(Fleet("demo", (there("gpu-07"), there("gpu-08"), there("gpu-09"))))
    assert plan.unasked == ("gpu-07", "gpu-08", "gpu-09")
    (finding,) = plan.findings
    assert finding.severity == "warn"
    assert finding.what == (
        "gpu-07 to gpu-09 aren't asked for in workshop.yaml: $1.59 an hour; they stay"
    )
    assert plan.cost.hourly.low > planned().cost.hourly.low + 1.5


def test_a_host_of_another_type_than_the_file_says_stays_and_is_named() -> None:
    plan = planned(Fleet("demo", (there("hub", type="m7i.xlarge"),)))
    (finding,) = plan.findings
    assert finding.what == "hub is m7i.xlarge, and workshop.yaml wants t3.large; it stays"
    assert finding.remedy == "workshop host replace hub"
    assert plan.verdict == "green"


def test_one_thing_in_the_way_makes_the_verdict_red_and_all_of_them_are_reasons() -> None:
    stops = (Finding("stop", "no quota"), Finding("stop", "no network"))
    known = Known(findings=(Finding("ok", "fine"), Finding("warn", "hm"), *stops))
    plan = planned(known=known)
    assert plan.verdict == "red"
    assert plan.reasons == stops
    assert planned(known=Known(findings=known.findings[:2])).verdict == "green"


def test_the_time_to_ready_is_a_range_whose_parts_have_sources() -> None:
    plan = planned()
    assert plan.ready.low == sum(part.seconds.low for part in plan.ready_parts)
    assert 60 <= plan.ready.low < plan.ready.high <= 3600
    assert all(part.source for part in plan.ready_parts)
    assert any("0.1 to 2 GB packed" in part.what for part in plan.ready_parts)


def test_the_size_of_packed_environments_makes_the_prediction_narrower() -> None:
    packed = planned(known=Known(archive_bytes=500_000_000))
    (part,) = [part for part in packed.ready_parts if "0.5 GB packed" in part.what]
    assert part.seconds == Range(20, 200)
    assert packed.ready.high < planned().ready.high


def test_as_json_everything_is_plain_and_requests_tell_where_to_send_them() -> None:
    known = Known(findings=(Finding("stop", "no quota"),), requests=(REQUEST,), offers=OFFERS)
    told = planned(known=known).as_json()
    assert json.loads(json.dumps(told)) == told
    assert told["verdict"] == "red"
    assert told["cost"]["prices_date"] == "2025-11-30"
    assert told["requests"][0]["page"] == (
        "https://us-east-1.console.aws.amazon.com/servicequotas/home/services/ec2/quotas/L-3819A6DF"
    )
    assert "--desired-value 12 --region us-east-1" in told["requests"][0]["command"]
    assert [host["name"] for host in told["hosts"]][:2] == ["hub", "gpu-01"]


def test_listed_machines_are_never_created_and_cost_nothing() -> None:
    spec = MachineHostsSpec.model_validate(
        {
            "provider": "hosts",
            "key": "key",
            "machines": [{"name": "hub", "role": "hub", "address": "192.0.2.1", "host_key": KEY}],
        }
    )
    plan = make_plan("demo", spec, wanted_hosts(spec), Fleet("demo"), Known())
    assert (plan.provider, plan.nothing_to_do) == ("hosts", True)
    assert plan.cost.hourly == plan.cost.event == exactly(0)
    assert "nothing here starts or ends them" in plan.forgotten
    assert [step.hosts for step in plan.steps] == [("hub",), ("hub",)]


@pytest.mark.parametrize(
    ("names", "text"),
    [
        (("hub",), "hub"),
        (("gpu-01", "gpu-02"), "gpu-01, gpu-02"),
        (("gpu-01", "gpu-02", "gpu-03"), "gpu-01 to gpu-03"),
        (("gpu-01", "gpu-02", "gpu-04"), "gpu-01, gpu-02, gpu-04"),
        (("hub", "gpu-01", "gpu-02"), "hub, gpu-01, gpu-02"),
    ],
)
def test_names_in_a_row_are_shortened(names: tuple[str, ...], text: str) -> None:
    assert names_text(names) == text
