"""The machine images of the cloud, and the public parameters that name the newest ones.

https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-public-parameters.html
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from moto.ec2.models.amis import Ami

CANONICAL = "099720109477"
AMAZON = "898082745236"
_MADE = datetime(2026, 10, 1, tzinfo=UTC)


@dataclass(frozen=True)
class PublicImage:
    """`parameter` is its name in SSM; `gb` the size of its snapshot, the least a disk may have."""

    name: str
    architecture: str
    parameter: str
    owner: str
    gb: int

    def id(self, region: str) -> str:
        """Another one in each region, the same in each run."""
        return "ami-" + hashlib.sha256(f"{self.name}/{region}".encode()).hexdigest()[:17]


def _ubuntu(release: str, architecture: str, disk: str = "ebs-gp3") -> PublicImage:
    """https://documentation.ubuntu.com/aws/aws-how-to/instances/find-ubuntu-images/"""
    short = "amd64" if architecture == "x86_64" else architecture
    parameter = (
        f"/aws/service/canonical/ubuntu/server/{release}/stable/current/{short}/hvm/{disk}/ami-id"
    )
    name = f"ubuntu/images/hvm-ssd-gp3/ubuntu-{release}-{short}-server-20261001/{disk}"
    return PublicImage(name, architecture, parameter, CANONICAL, 8)


def _deep_learning(kind: str, architecture: str, gb: int) -> PublicImage:
    """https://docs.aws.amazon.com/dlami/latest/devguide/find-dlami-id.html"""
    parameter = f"/aws/service/deeplearning/ami/{architecture}/{kind}/latest/ami-id"
    return PublicImage(f"Deep Learning {kind} {architecture}", architecture, parameter, AMAZON, gb)


IMAGES: tuple[PublicImage, ...] = (
    *(_ubuntu(release, "x86_64") for release in ("22.04", "24.04")),
    *(_ubuntu(release, "arm64") for release in ("22.04", "24.04")),
    _ubuntu("22.04", "x86_64", "ebs-gp2"),
    _ubuntu("22.04", "arm64", "ebs-gp2"),
    _deep_learning("base-oss-nvidia-driver-gpu-ubuntu-22.04", "x86_64", 35),
    _deep_learning("base-oss-nvidia-driver-gpu-ubuntu-24.04", "x86_64", 35),
    _deep_learning("base-oss-nvidia-driver-gpu-ubuntu-24.04", "arm64", 35),
    _deep_learning("base-neuron-ubuntu-22.04", "x86_64", 35),
    _deep_learning("base-neuron-ubuntu-24.04", "x86_64", 35),
    # Too old for anything here, but there: a wrong choice must not look like a missing one.
    PublicImage("amzn2-ami-hvm-x86_64-gp2", "x86_64", "/test/amzn2", AMAZON, 8),
)


class PublicAmi(Ami):
    """moto's image with the disk that it really has."""

    gb = 8

    @property
    def block_device_mappings(self) -> list[dict[str, Any]]:
        disk = {
            "SnapshotId": self.ebs_snapshot.id,
            "VolumeSize": self.gb,
            "DeleteOnTermination": True,
            "VolumeType": "gp3",
            "Encrypted": False,
        }
        return [{"DeviceName": self.root_device_name, "Ebs": disk}]


def add_images(backend: Any) -> None:
    """Put the public images into a region of moto."""
    for image in IMAGES:
        ami = PublicAmi(
            backend,
            image.id(backend.region_name),
            name=image.name,
            description=image.name,
            owner_id=image.owner,
            owner_alias="amazon" if image.owner == AMAZON else None,
            public=True,
            virtualization_type="hvm",
            architecture=image.architecture,
            creation_date=_MADE,
            hypervisor="xen",
            root_device_type="ebs",
            root_device_name="/dev/sda1",
            region_name=f"{backend.region_name}a",
        )
        ami.gb = image.gb
        backend.amis[ami.id] = ami


def parameter_values(region: str) -> dict[str, str]:
    """Public parameters of a region by name."""
    return {image.parameter: image.id(region) for image in IMAGES}
