"""The `hosts:` section: small, with sensible defaults, and plain about what is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import Field

from provisioning.errors import BadInput
from provisioning.hosts_spec import Ec2HostsSpec, HostsSpec, MachineHostsSpec
from provisioning.spec_file import read_spec
from provisioning.spec_types import SpecModel

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f"
EC2 = "hosts:\n  provider: ec2\n  region: us-east-1\n"
LISTED = "hosts:\n  provider: hosts\n  key: teaching\n  machines:\n"
MACHINE = f"{{name: gpu-01, role: gpu, address: 192.0.2.10, host_key: {KEY}}}"


class File(SpecModel):
    """A workshop.yaml with this section alone."""

    hosts: HostsSpec | None = Field(
        None, description="`provider: ec2`, or `provider: hosts` for a list of machines"
    )


def read(folder: Path, text: str) -> Ec2HostsSpec | MachineHostsSpec:
    path = folder / "workshop.yaml"
    path.write_text(text)
    hosts = read_spec(path, File).hosts
    assert hosts is not None
    return hosts


def test_a_region_is_enough_for_a_hub(tmp_path: Path) -> None:
    spec = read(tmp_path, EC2)
    assert isinstance(spec, Ec2HostsSpec)
    assert (spec.hub.types, spec.hub.market, spec.hub.disk_gb) == (("t3.large",), "on-demand", 50)
    assert (spec.access, spec.hours, spec.spare, spec.zones) == (("auto",), 8, 0, ())
    assert spec.gpu is spec.arm is None


def test_everything_can_be_said(tmp_path: Path) -> None:
    spec = read(
        tmp_path,
        """
hosts:
  provider: ec2
  region: eu-central-1
  zones: [eu-central-1a, eu-central-1b]
  profile: teaching
  access: [203.0.113.7, 198.51.100.0/24]
  hours: 1.5
  spare: 2
  hub: {types: [m7i.4xlarge], disk: 80.5G, image: ami-0123456789abcdef0, environments: [hub, cpu]}
  gpu: {count: 8, types: g6.xlarge, market: spot, disk: 120G, environments: nlp-gpu}
  arm: {count: 1, types: [a1.large]}
""",
    )
    assert isinstance(spec, Ec2HostsSpec)
    assert spec.zones == ("eu-central-1a", "eu-central-1b")
    assert spec.access == ("203.0.113.7/32", "198.51.100.0/24")
    assert (spec.hub.disk_gb, spec.hub.image) == (81, "ami-0123456789abcdef0")
    assert spec.gpu is not None
    assert spec.gpu.types == ("g6.xlarge",)
    assert (spec.gpu.count, spec.gpu.market, spec.gpu.environments) == (8, "spot", ("nlp-gpu",))
    assert spec.arm is not None
    assert spec.arm.types == ("a1.large",)


def test_machines_that_are_there_already_can_be_listed(tmp_path: Path) -> None:
    spec = read(
        tmp_path,
        LISTED
        + "    - {name: hub, role: hub, address: hub.example.org, user: admin, host_key: "
        + f"{KEY} a}}\n"
        + "    - {name: gpu-01, role: gpu, address: 192.0.2.10, port: 2222, private_address: "
        + f"10.0.0.2, environments: [nlp-gpu], host_key: {KEY}}}\n",
    ).resolve(tmp_path)
    assert isinstance(spec, MachineHostsSpec)
    assert spec.key == tmp_path / "teaching"
    hub, gpu = spec.machines
    assert (hub.user, hub.port, hub.host_key) == ("admin", 22, KEY)
    assert (gpu.user, gpu.port, gpu.private_address) == ("ubuntu", 2222, "10.0.0.2")


def test_inferentia_may_be_chosen(tmp_path: Path) -> None:
    spec = read(tmp_path, EC2 + "  gpu: {count: 1, types: [inf2.xlarge]}\n")
    assert isinstance(spec, Ec2HostsSpec)
    assert spec.gpu is not None


@pytest.mark.parametrize(
    ("text", "where", "found", "wanted"),
    [
        (
            "hosts:\n  region: us-east-1\n",
            ", line 1, hosts",
            "found no `provider`",
            "write `provider: ec2`, or `provider: hosts` for a list of machines",
        ),
        (
            "hosts:\n  provider: aws\n",
            ", line 2, hosts.provider",
            'found "aws"',
            "write ec2 or hosts",
        ),
        (
            "hosts: ec2\n",
            ", line 1, hosts",
            'found "ec2"',
            "write `provider: ec2`, or `provider: hosts` for a list of machines",
        ),
        (
            "hosts:\n  provider: ec2\n",
            ", line 1, hosts.region",
            "found no `region`",
            "write `region:` with an AWS region, such as us-east-1",
        ),
        (
            "hosts:\n  provider: ec2\n  region: us-east-1b\n",
            ", line 3, hosts.region",
            'found "us-east-1b", which is a zone',
            "write us-east-1, and the zone as `zones: [us-east-1b]`",
        ),
        (
            "hosts:\n  provider: ec2\n  region: Frankfurt\n",
            ", line 3, hosts.region",
            'found "Frankfurt"',
            "write an AWS region, such as us-east-1",
        ),
        (
            EC2 + "  zones: [us-east-1a, eu-west-1a]\n",
            ", line 4, hosts.zones",
            'found "eu-west-1a", which is no zone of us-east-1',
            "write zones such as us-east-1a",
        ),
        (
            EC2 + "  gpus: {count: 3}\n",
            ", line 4, hosts.gpus",
            "found the unknown key `gpus`",
            "write `gpu`",
        ),
        (
            EC2 + "  gpu:\n    count: 3\n    typs: [g5.xlarge]\n",
            ", line 6, hosts.gpu.typs",
            "found the unknown key `typs`",
            "write `types`",
        ),
        (
            EC2 + "  gpu:\n    count: 301\n",
            ", line 5, hosts.gpu.count",
            "found 301",
            "write a whole number from 0 to 300, such as 8",
        ),
        (
            EC2 + "  gpu:\n    count: 1\n    types:\n      - g5.xlarge\n      - p3.8xlarge\n",
            ", line 8, hosts.gpu.types[1]",
            'found "p3.8xlarge": AWS no longer offers p3 (since May 2026)',
            "write g5.12xlarge or g6.12xlarge, the nearest that it offers",
        ),
        (
            EC2 + "  gpu: {count: 1, types: [p3.xlarge]}\n",
            ", line 4, hosts.gpu.types[0]",
            'found "p3.xlarge": AWS no longer offers p3 (since May 2026)',
            "write g5.2xlarge or g6.2xlarge, the nearest that it offers",
        ),
        (
            EC2 + "  gpu: {count: 1, types: [G5.xlrage]}\n",
            ", line 4, hosts.gpu.types[0]",
            'found "G5.xlrage", which isn\'t in the catalogue',
            "write g5.xlarge or g5.8xlarge or g5.4xlarge",
        ),
        (
            EC2 + "  gpu: {count: 1, types: [m7i.large]}\n",
            ", line 4, hosts.gpu.types[0]",
            'found "m7i.large", which has no GPU',
            "write g4dn.xlarge or g5.xlarge, for example; seats without a GPU run on the hub, "
            "so give `hub` a larger type for them",
        ),
        (
            EC2 + "  arm: {count: 1, types: [c6i.large]}\n",
            ", line 4, hosts.arm.types[0]",
            'found "c6i.large": it is x86_64, and arm needs arm64',
            "write c7g.large or a1.large, for example",
        ),
        (
            EC2 + "  hub: {types: [c7g.large]}\n",
            ", line 4, hosts.hub.types[0]",
            'found "c7g.large": it is arm64, and hub needs x86_64',
            "write t3.large or m7i.xlarge, for example",
        ),
        (
            EC2 + "  hub: {types: [t3.large, t3.large]}\n",
            ", line 4, hosts.hub.types",
            'found "t3.large" twice',
            "write each type once",
        ),
        (
            EC2 + "  arm: {count: 1, types: []}\n",
            ", line 4, hosts.arm.types",
            "found an empty list",
            "write at least one",
        ),
        (
            EC2 + "  hub: {market: spot}\n",
            ", line 4, hosts.hub.market",
            'found "spot"',
            "write on-demand: AWS may take a spot machine away, and the class with it",
        ),
        (
            EC2 + "  gpu: {count: 1, market: cheap}\n",
            ", line 4, hosts.gpu.market",
            'found "cheap"',
            "write spot or on-demand",
        ),
        (
            EC2 + "  hub: {disk: 4G}\n",
            ", line 4, hosts.hub.disk",
            "found 4G",
            "write a size from 8G to 16T, such as 50G",
        ),
        (
            EC2 + "  hub: {image: ubuntu}\n",
            ", line 4, hosts.hub.image",
            'found "ubuntu"',
            "write the id of an image, such as ami-0abc1234",
        ),
        (
            EC2 + "  hours: 200\n",
            ", line 4, hosts.hours",
            "found 200",
            "write a number of hours from 0.25 to 168, such as 8",
        ),
        (
            EC2 + "  spare: 51\n",
            ", line 4, hosts.spare",
            "found 51",
            "write a whole number from 0 to 50, such as 1",
        ),
        (
            EC2 + "  access: [0.0.0.0/0]\n",
            ", line 4, hosts.access[0]",
            'found "0.0.0.0/0", which is all of the internet',
            "write an address or a range, such as 203.0.113.7/32 or 198.51.100.0/24, or auto; "
            "or anyone, if strangers shall reach the hub and try its SSH",
        ),
        (
            LISTED + "    - {name: gpu-01, role: gpu, address: 192.0.2.10}\n",
            ", line 5, hosts.machines[0].host_key",
            "found no `host_key`",
            "write `host_key:` with the line of /etc/ssh/ssh_host_ed25519_key.pub on that machine",
        ),
        (
            LISTED + "    - " + MACHINE.replace("gpu-01", "node7") + "\n",
            ", line 5, hosts.machines[0].name",
            'found "node7"',
            "write hub, or gpu-01, arm-01 and so on",
        ),
        (
            LISTED + "    - " + MACHINE.replace("role: gpu", "role: arm") + "\n",
            ", line 5, hosts.machines[0].role",
            "found arm for a machine with the name gpu-01",
            "write gpu",
        ),
        (
            LISTED + f"    - {MACHINE}\n    - {MACHINE}\n",
            ", line 4, hosts.machines",
            "found gpu-01 twice",
            "give each machine a name of its own",
        ),
        (
            LISTED + f"    - {MACHINE}\n    - {MACHINE.replace('gpu-01', 'gpu-02')}\n",
            ", line 4, hosts.machines",
            "found two machines at 192.0.2.10, port 22",
            "write each machine once",
        ),
        (
            LISTED + "    - " + MACHINE.replace("192.0.2.10", "192.0.2.10; reboot") + "\n",
            ", line 5, hosts.machines[0].address",
            'found "192.0.2.10; reboot"',
            "write where it answers SSH, such as 192.0.2.10",
        ),
        (
            LISTED
            + "    - "
            + MACHINE.replace("role: gpu", "role: gpu, user: -oProxyCommand")
            + "\n",
            ", line 5, hosts.machines[0].user",
            'found "-oProxyCommand"',
            "write an account that may use sudo without a password, such as ubuntu",
        ),
        (
            "hosts:\n  provider: hosts\n  key: teaching\n  machines: []\n",
            ", line 4, hosts.machines",
            "found an empty list",
            "write at least one",
        ),
        (
            "hosts:\n  provider: hosts\n  key: teaching\n  region: us-east-1\n  machines: []\n",
            ", line 4, hosts.region",
            "found the unknown key `region` (and 1 more mistake below)",
            "write one of provider, key, machines",
        ),
    ],
)
def test_a_mistake_is_one_message(
    tmp_path: Path, text: str, where: str, found: str, wanted: str
) -> None:
    with pytest.raises(BadInput) as caught:
        read(tmp_path, text)
    assert str(caught.value) == f"{tmp_path / 'workshop.yaml'}{where}: {found}"
    assert caught.value.next_step == wanted
