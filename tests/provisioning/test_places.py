"""Places are numbered by role, and spares continue the numbers."""

from __future__ import annotations

from provisioning.hosts_spec import Ec2HostsSpec, MachineHostsSpec
from provisioning.places import place_name, wanted_hosts, with_class

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f"


def ec2(**parts: object) -> Ec2HostsSpec:
    return Ec2HostsSpec.model_validate({"provider": "ec2", "region": "us-east-1", **parts})


def test_places_come_in_the_order_hub_gpu_arm_and_spares_follow_their_role() -> None:
    spec = ec2(
        gpu={"count": 2, "market": "spot", "disk": "120G", "image": "ami-0123abcd"},
        arm={"count": 1},
        spare=2,
    )
    wanted = wanted_hosts(spec)
    assert [host.name for host in wanted] == [
        "hub", "gpu-01", "gpu-02", "gpu-03", "gpu-04", "arm-01",
    ]  # fmt: skip
    assert [host.name for host in wanted if host.spare] == ["gpu-03", "gpu-04"]
    gpu = wanted[1]
    assert (gpu.role, gpu.types, gpu.market) == ("gpu", ("g4dn.xlarge", "g5.xlarge"), "spot")
    assert (gpu.disk_gb, gpu.image, gpu.environments) == (120, "ami-0123abcd", ("nlp-gpu",))
    assert wanted[0].market == "on-demand"


def test_another_number_of_spares_may_be_asked_for() -> None:
    spec = ec2(gpu={"count": 1}, spare=2)
    assert len(wanted_hosts(spec, spare=0)) == 2
    assert len(wanted_hosts(spec, spare=3)) == 5


def test_without_gpu_hosts_spares_are_arm_hosts_and_a_hub_alone_has_none() -> None:
    names = [host.name for host in wanted_hosts(ec2(arm={"count": 1}, gpu={"count": 0}, spare=1))]
    assert names == ["hub", "arm-01", "arm-02"]
    assert [host.name for host in wanted_hosts(ec2(spare=3))] == ["hub"]


def test_the_hundredth_host_has_three_digits() -> None:
    assert place_name("gpu", 7) == "gpu-07"
    assert wanted_hosts(ec2(gpu={"count": 100}))[-1].name == "gpu-100"


def test_listed_machines_come_in_the_same_order_by_number() -> None:
    machines = [
        {"name": name, "role": name.split("-")[0], "address": f"192.0.2.{number}", "host_key": KEY}
        for number, name in enumerate(("arm-01", "gpu-100", "gpu-02", "hub"))
    ]
    spec = MachineHostsSpec.model_validate(
        {"provider": "hosts", "key": "key", "machines": machines}
    )
    wanted = wanted_hosts(spec)
    assert [host.name for host in wanted] == ["hub", "gpu-02", "gpu-100", "arm-01"]
    assert {host.types for host in wanted} == {()}


def test_a_class_adds_its_environments_to_the_roles_that_need_them() -> None:
    wanted = wanted_hosts(ec2(gpu={"count": 1}, arm={"count": 1, "environments": ["deploy"]}))
    seats = ("hub", "nlp-gpu", "deploy")
    found = with_class(wanted, {"hub": seats, "gpu": seats, "arm": ("deploy",)})
    assert {host.name: host.environments for host in found} == {
        "hub": ("hub", "nlp-gpu", "deploy"),
        "gpu-01": ("nlp-gpu", "hub", "deploy"),
        "arm-01": ("deploy",),
    }
    assert with_class(wanted, {}) == wanted
