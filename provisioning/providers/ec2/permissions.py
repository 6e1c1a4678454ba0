"""May these credentials do what a workshop needs? Tried out with DryRun, which changes nothing.

AWS answers DryRunOperation to what is allowed and UnauthorizedOperation to what is not.
https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_RunInstances.html
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Literal

from provisioning.errors import WorkshopError
from provisioning.findings import Finding
from provisioning.fleet import Market
from provisioning.providers.ec2.aws import Aws
from provisioning.providers.ec2.errors import AnswerLost, AwsError, NotAllowed
from provisioning.providers.ec2.tags import NAME, as_list, specifications

POLICY = "docs/aws-permissions.md has a policy to give to the user or role"

_Answer = Literal["allowed", "refused", "unknown"]
#: Ids of nothing: a trial needs one of the right form.
_NOBODY = "0123456789abcdef0"


@dataclass(frozen=True)
class Trial:
    """One call as the product makes it. `own`: it acts on a thing of the workshop."""

    action: str
    operation: str
    own: bool
    parameters: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Machine:
    """A kind of host, as RunInstances is tried with it."""

    type: str
    image: str
    market: Market


@dataclass(frozen=True)
class Launch:
    """What is tried. `instance` is a host of the workshop that is there, if there is one."""

    workshop: str
    machines: tuple[Machine, ...]
    vpc: str
    instance: str | None = None


def check_permissions(aws: Aws, launch: Launch) -> tuple[Finding, ...]:
    """A finding for what is refused; AWS is asked about every action that changes something."""
    asked = trials(launch)
    with ThreadPoolExecutor(max_workers=8) as pool:
        answers = list(pool.map(lambda trial: _try(aws, trial), asked))
    refused = [t for t, answer in zip(asked, answers, strict=True) if answer == "refused"]
    unknown = [t for t, answer in zip(asked, answers, strict=True) if answer == "unknown"]
    return tuple(_findings(launch, len(asked), refused, unknown))


def _findings(
    launch: Launch, number: int, refused: list[Trial], unknown: list[Trial]
) -> Iterator[Finding]:
    certain = [t for t in refused if not t.own or _is_of(t, launch.instance)]
    doubtful = [t for t in refused if t not in certain]
    if certain:
        what = f"these credentials may not {_actions(certain)}"
        yield Finding("stop", what, f"allow it: {POLICY}")
    if doubtful:
        # A policy that allows these only on things with the workshop's tag refuses them on an
        # id of nothing, too. It can't be told apart from a missing permission before `up`.
        yield Finding(
            "warn",
            f"AWS refused a trial of {_actions(doubtful)} on made-up ids; that is as it should be "
            "if your policy allows them only on things tagged workshop:name",
            f"if you wrote the policy yourself, compare: {POLICY}",
        )
    if unknown:
        yield Finding(
            "warn", f"AWS didn't answer whether {_actions(unknown)} is allowed", "try again"
        )
    if not refused and not unknown:
        yield Finding("ok", f"these credentials may do all {number} things that it takes")


def _try(aws: Aws, trial: Trial) -> _Answer:
    try:
        aws.call("ec2", trial.operation, DryRun=True, **trial.parameters)
    except NotAllowed:
        return "refused"
    except AnswerLost:
        return "unknown"
    except AwsError:
        return "allowed"  # DryRunOperation, or an answer about the made-up id: it got that far
    except WorkshopError:
        return "unknown"
    return "allowed"


def _is_of(trial: Trial, instance: str | None) -> bool:
    """Whether the trial was about a host of the workshop, so that the refusal is certain."""
    return instance is not None and instance in str(trial.parameters)


def _actions(trials: list[Trial]) -> str:
    return ", ".join(trial.action for trial in trials)


def trials(launch: Launch) -> tuple[Trial, ...]:
    """Every action that changes something, as the product calls it."""
    return (*_creating(launch), *_operating(launch.instance or f"i-{_NOBODY}"), *_ending())


def _creating(launch: Launch) -> tuple[Trial, ...]:
    tags = {NAME: launch.workshop}
    group = {
        "GroupName": f"workshop-{launch.workshop}-trial",
        "Description": "trial",
        "VpcId": launch.vpc,
        "TagSpecifications": specifications(("security-group",), tags),
    }
    key = {
        "KeyName": f"workshop-{launch.workshop}-trial",
        "PublicKeyMaterial": b"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUW"
        b"FxgZGhscHR4f trial",
        "TagSpecifications": specifications(("key-pair",), tags),
    }
    return (
        *(_running(machine, tags) for machine in launch.machines),
        Trial("ec2:CreateSecurityGroup", "create_security_group", False, group),
        Trial("ec2:ImportKeyPair", "import_key_pair", False, key),
    )


def _running(machine: Machine, tags: dict[str, str]) -> Trial:
    """For each type: policies often allow only some, and only with these tags on what is made."""
    kinds: tuple[str, ...] = ("instance", "volume", "network-interface")
    run: dict[str, Any] = {
        "ImageId": machine.image,
        "InstanceType": machine.type,
        "MinCount": 1,
        "MaxCount": 1,
        "MetadataOptions": {"HttpTokens": "required"},
    }
    if machine.market == "spot":
        kinds = (*kinds, "spot-instances-request")
        run["InstanceMarketOptions"] = {"MarketType": "spot"}
    run["TagSpecifications"] = specifications(kinds, tags)
    name = f"ec2:RunInstances ({machine.type}{', spot' if machine.market == 'spot' else ''})"
    return Trial(name, "run_instances", False, run)


def _operating(instance: str) -> tuple[Trial, ...]:
    ids = {"InstanceIds": [instance]}
    rule = {
        "GroupId": f"sg-{_NOBODY}",
        "IpPermissions": [
            {
                "IpProtocol": "tcp",
                "FromPort": 22,
                "ToPort": 22,
                "IpRanges": [{"CidrIp": "192.0.2.1/32"}],
            }
        ],
    }
    tags = {"Resources": [instance], "Tags": as_list({"workshop:deadline": ""})}
    return (
        Trial("ec2:TerminateInstances", "terminate_instances", True, ids),
        Trial("ec2:StopInstances", "stop_instances", True, ids),
        Trial("ec2:StartInstances", "start_instances", True, ids),
        Trial("ec2:GetConsoleOutput", "get_console_output", True, {"InstanceId": instance}),
        Trial("ec2:CreateTags", "create_tags", True, tags),
        Trial("ec2:AuthorizeSecurityGroupIngress", "authorize_security_group_ingress", True, rule),
        Trial("ec2:RevokeSecurityGroupIngress", "revoke_security_group_ingress", True, rule),
    )


def _ending() -> tuple[Trial, ...]:
    """What `down` and `sweep` end or delete, each by its kind of id."""
    deletions = (
        ("DeleteSecurityGroup", "delete_security_group", {"GroupId": f"sg-{_NOBODY}"}),
        ("DeleteKeyPair", "delete_key_pair", {"KeyPairId": f"key-{_NOBODY}"}),
        ("DeleteVolume", "delete_volume", {"VolumeId": f"vol-{_NOBODY}"}),
        (
            "DeleteNetworkInterface",
            "delete_network_interface",
            {"NetworkInterfaceId": f"eni-{_NOBODY}"},
        ),
        (
            "DetachNetworkInterface",
            "detach_network_interface",
            {"AttachmentId": f"eni-attach-{_NOBODY}"},
        ),
        ("DisassociateAddress", "disassociate_address", {"AssociationId": f"eipassoc-{_NOBODY}"}),
        ("ReleaseAddress", "release_address", {"AllocationId": f"eipalloc-{_NOBODY}"}),
        ("DeleteLaunchTemplate", "delete_launch_template", {"LaunchTemplateId": f"lt-{_NOBODY}"}),
        (
            "CancelSpotInstanceRequests",
            "cancel_spot_instance_requests",
            {"SpotInstanceRequestIds": ["sir-0123abcd"]},
        ),
        ("DeregisterImage", "deregister_image", {"ImageId": f"ami-{_NOBODY}"}),
        ("DeleteSnapshot", "delete_snapshot", {"SnapshotId": f"snap-{_NOBODY}"}),
    )
    return tuple(Trial(f"ec2:{name}", call, True, asked) for name, call, asked in deletions)
