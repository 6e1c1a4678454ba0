"""What keeps hosts from coming up is told before anything is created, and nothing is created."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta

import pytest

from provisioning.fleet import Fleet, Host
from provisioning.hosts_spec import Ec2HostsSpec
from provisioning.places import wanted_hosts
from provisioning.plan import Known, Plan, make_plan
from provisioning.providers.ec2.aws import Aws
from provisioning.providers.ec2.preflight import Preflight, Question, preflight
from tests.cloud.cloud import Cloud
from tests.cloud.faults import CLOSED, DENIED
from tests.cloud.images import IMAGES

WORKSHOP = "preflight"
G, G_SPOT = "L-DB2E81BA", "L-3819A6DF"


def spec(**parts: object) -> Ec2HostsSpec:
    return Ec2HostsSpec.model_validate({"provider": "ec2", "region": "us-east-1", **parts})


GPUS = spec(gpu={"count": 8}, spare=1, arm={"count": 1})


def question(asked: Ec2HostsSpec = GPUS, fleet: Fleet | None = None) -> Question:
    return Question(
        workshop=WORKSHOP,
        wanted=wanted_hosts(asked),
        fleet=fleet or Fleet(WORKSHOP),
        zones=asked.zones,
        access=asked.access,
        hours=asked.hours,
        day=date(2026, 12, 1),
        today=date(2026, 11, 21),
    )


@pytest.fixture(scope="module")
def aws(cloud_server: Cloud) -> Iterator[Aws]:
    """One for all tests: making its clients costs more than all that they ask."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in cloud_server.environment().items():
            patch.setenv(name, value)
        yield Aws("us-east-1", attempts=1)


Ask = Callable[..., Preflight]


@pytest.fixture
def ask(cloud: Cloud, aws: Aws) -> Ask:
    """The preflight of a fresh account, for a spec and a fleet."""

    def asking(asked: Ec2HostsSpec = GPUS, fleet: Fleet | None = None) -> Preflight:
        return preflight(aws, question(asked, fleet))

    return asking


def stops(answers: Preflight) -> list[str]:
    return [finding.what for finding in answers.findings if finding.severity == "stop"]


def warnings(answers: Preflight) -> list[str]:
    return [finding.what for finding in answers.findings if finding.severity == "warn"]


def plan_of(answers: Preflight, asked: Ec2HostsSpec = GPUS) -> Plan:
    known = Known(answers.findings, answers.requests, answers.offers, answers.account)
    return make_plan(WORKSHOP, asked, wanted_hosts(asked), Fleet(WORKSHOP), known)


def test_a_fresh_account_is_told_days_ahead_that_it_may_run_no_gpu_and_what_to_send(
    cloud: Cloud, ask: Ask
) -> None:
    """New accounts have GPU quotas of 0.

    https://docs.aws.amazon.com/ec2/latest/instancetypes/ec2-instance-quotas.html
    """
    cloud.settings.be_a_fresh_account()
    plan = plan_of(ask())
    assert plan.verdict == "red"
    (reason,) = plan.reasons
    assert reason.what == (
        "9 hosts g4dn.xlarge (gpu, on demand) need 36 vCPUs, but the quota "
        f'"Running On-Demand G and VT instances" ({G}) of us-east-1 is 0'
    )
    assert reason.remedy == (
        "ask AWS for 36 vCPUs, at least 7 days ahead; the class is in 10 days: "
        f"https://us-east-1.console.aws.amazon.com/servicequotas/home/services/ec2/quotas/{G}"
    )
    (request,) = plan.requests
    assert (request.code, request.limit, request.wanted) == (G, 0, 36)
    assert request.text.startswith(
        f'Please raise "Running On-Demand G and VT instances" ({G}) in us-east-1 from 0 to 36 vCPUs'
    )


def test_once_aws_has_raised_the_quota_the_verdict_is_green(cloud: Cloud, ask: Ask) -> None:
    cloud.settings.be_a_fresh_account()
    cloud.settings.quotas[G] = 36
    answers = ask()
    assert stops(answers) == []
    assert plan_of(answers).verdict == "green"
    assert plan_of(answers).account == answers.account != ""


def test_looking_changes_nothing(cloud: Cloud, ask: Ask) -> None:
    ask()
    assert cloud.inventory() == ()
    assert cloud.instances() == []


def test_vcpus_that_run_in_the_account_are_subtracted_by_market(
    cloud: Cloud, aws: Aws, ask: Ask
) -> None:
    answers = ask()
    assert answers.images is not None
    cloud.settings.quotas |= {G: 36, G_SPOT: 36}
    image = answers.images.of("g5.xlarge").id
    spot = {"InstanceMarketOptions": {"MarketType": "spot"}}
    for name, options in (("g5.xlarge", {}), ("g4dn.xlarge", spot), ("m5.large", {})):
        aws.call(
            "ec2",
            "run_instances",
            ImageId=image,
            InstanceType=name,
            MinCount=1,
            MaxCount=1,
            **options,
        )
    answers = ask()
    (reason,) = stops(answers)
    assert reason.endswith(f"({G}) of us-east-1 is 36, and 4 of them run now")
    assert [request.wanted for request in answers.requests] == [40]
    # m5 isn't in our catalogue; it counts all the same.
    standard = next(f for f in answers.findings if "t3.large (hub, on demand)" in f.what)
    assert standard.what.endswith("(L-1216C47A) of us-east-1 is 2000, and 2 of them run now")


def test_hosts_that_are_there_need_no_quota_and_stopped_ones_do(cloud: Cloud, ask: Ask) -> None:
    cloud.settings.quotas[G] = 0
    asked = spec(gpu={"count": 1})
    running = Host("gpu-01", "gpu", "running", None, id="i-0123456789abcdef0", type="g4dn.xlarge")
    assert stops(ask(asked, Fleet(WORKSHOP, (running,)))) == []
    stopped = Host("gpu-01", "gpu", "stopped", None, id="i-0123456789abcdef0", type="g5.2xlarge")
    (reason,) = stops(ask(asked, Fleet(WORKSHOP, (stopped,))))
    assert reason.startswith("1 host g5.2xlarge (gpu, on demand) needs 8 vCPUs, but")


def test_images_are_found_by_their_public_names(cloud: Cloud, ask: Ask) -> None:
    images = ask().images
    assert images is not None
    by_id = {image.id("us-east-1"): image for image in IMAGES}
    gpu = by_id[images.of("g4dn.xlarge").id]
    assert "base-oss-nvidia-driver-gpu-ubuntu-24.04" in gpu.parameter
    arm = by_id[images.of("a1.large").id]
    assert "canonical/ubuntu/server/24.04/stable/current/arm64" in arm.parameter
    assert "canonical/ubuntu/server/24.04" in by_id[images.of("t3.large").id].parameter


def test_a_disk_that_the_image_does_not_fit_on_is_told(cloud: Cloud, ask: Ask) -> None:
    answers = ask(spec(gpu={"count": 1, "disk": "20G"}))
    assert "the image for gpu fits on a disk of 35G, not 20G: the disks become 35G" in warnings(
        answers
    )


def test_an_image_of_another_region_or_architecture_is_refused(cloud: Cloud, ask: Ask) -> None:
    (missing,) = stops(ask(spec(hub={"image": "ami-0123456789abcdef0"})))
    assert missing.startswith("There is no image ami-0123456789abcdef0 in us-east-1")
    arm = next(image for image in IMAGES if image.architecture == "arm64")
    (wrong,) = stops(ask(spec(hub={"image": arm.id("us-east-1")})))
    assert "is for arm64, and t3.large is x86_64" in wrong


def test_a_type_that_a_region_lacks_stops_only_if_there_is_no_other(cloud: Cloud, ask: Ask) -> None:
    cloud.settings.not_offered.add(("g4dn.xlarge", "*"))
    answers = ask()
    assert "AWS doesn't offer g4dn.xlarge in us-east-1" in warnings(answers)
    assert stops(answers) == []
    cloud.settings.not_offered.add(("g5.xlarge", "*"))
    assert stops(ask())[:2] == [
        "AWS doesn't offer g4dn.xlarge in us-east-1",
        "AWS doesn't offer g5.xlarge in us-east-1",
    ]


def test_a_zone_without_the_type_is_told_with_zones_that_have_it(cloud: Cloud, ask: Ask) -> None:
    for letter in "bcdef":
        cloud.settings.not_offered.add(("g5.xlarge", f"us-east-1{letter}"))
    answers = ask(spec(zones=["us-east-1b"], gpu={"count": 1, "types": ["g5.xlarge"]}))
    found = next(one for one in answers.findings if "g5.xlarge in the zones" in one.what)
    assert (found.severity, found.remedy) == ("stop", "add a zone of us-east-1a")
    assert answers.offers == {"t3.large": ("us-east-1b",), "g5.xlarge": ()}


def test_a_zone_that_the_account_does_not_have_is_told(cloud: Cloud, ask: Ask) -> None:
    (reason, *_) = stops(ask(spec(zones=["us-east-1z"])))
    assert reason == "us-east-1 has no zone us-east-1z with a default subnet"


def test_a_missing_permission_to_create_is_named(cloud: Cloud, ask: Ask) -> None:
    cloud.settings.denied |= {"ec2:ImportKeyPair", "ec2:CreateSecurityGroup"}
    (reason,) = stops(ask())
    assert reason == "these credentials may not ec2:CreateSecurityGroup, ec2:ImportKeyPair"


def test_a_policy_that_allows_some_types_only_is_told_by_type(cloud: Cloud, ask: Ask) -> None:
    cloud.faults.add(action="RunInstances", effect=DENIED, when={"InstanceType": "g4dn.xlarge"})
    (reason,) = stops(ask())
    assert reason == "these credentials may not ec2:RunInstances (g4dn.xlarge)"


def test_a_refused_trial_on_a_made_up_id_is_a_doubt_and_on_an_own_host_a_certainty(
    cloud: Cloud, ask: Ask
) -> None:
    """A policy with a condition on tags refuses ids of nothing, because they have no tags.

    https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonec2.html
    """
    cloud.settings.denied |= {"ec2:TerminateInstances", "ec2:DeleteVolume"}
    answers = ask()
    assert stops(answers) == []
    assert any(
        "refused a trial of ec2:TerminateInstances, ec2:DeleteVolume on made-up ids" in what
        for what in warnings(answers)
    )
    host = Host("hub", "hub", "running", None, id="i-0fedcba9876543210", type="t3.large")
    answers = ask(fleet=Fleet(WORKSHOP, (host,)))
    assert stops(answers) == ["these credentials may not ec2:TerminateInstances"]


def test_each_question_that_may_not_be_asked_leaves_the_others_answered(
    cloud: Cloud, ask: Ask
) -> None:
    cloud.settings.denied |= {"servicequotas:*", "service-quotas:*"}
    answers = ask()
    assert any(what.startswith("can't see the quotas") for what in warnings(answers))
    assert answers.images is not None
    cloud.settings.denied = {"ssm:GetParameters"}
    answers = ask()
    assert answers.images is None
    (reason,) = stops(answers)
    assert "GetParameters" in reason
    assert answers.offers["g4dn.xlarge"]


def test_without_credentials_that_is_all_there_is_to_say(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    (finding,) = preflight(Aws("us-east-1"), question()).findings
    assert finding.severity == "stop"
    assert finding.what.startswith("No AWS credentials")
    assert "aws configure" in finding.remedy


def test_without_an_answer_that_is_all_there_is_to_say(cloud: Cloud, ask: Ask) -> None:
    cloud.faults.add(action="GetCallerIdentity", effect=CLOSED)
    (finding,) = ask().findings
    assert finding.severity == "stop"
    assert finding.what.startswith("AWS didn't answer GetCallerIdentity")
    assert finding.remedy


def test_a_clock_that_is_off_is_told_because_deadlines_would_be_off(
    cloud: Cloud, aws: Aws, ask: Ask
) -> None:
    slow = preflight(aws, question(), clock=lambda: datetime.now(UTC) - timedelta(hours=2))
    assert any("s behind: deadlines would be off" in what for what in warnings(slow))
    assert not any("clock" in what for what in warnings(ask()))


def test_a_door_for_everybody_and_a_chip_without_environments_are_worth_a_warning(
    cloud: Cloud, ask: Ask
) -> None:
    answers = ask(spec(access=["anyone"], gpu={"count": 1, "types": ["inf2.xlarge"]}))
    told = " ".join(warnings(answers))
    assert "`access: anyone` lets the whole internet reach" in told
    assert "about inf2: it has no NVIDIA GPU" in told
