"""Which machine image a host starts from: found once by its public name, then used by its id.

Hosts with an NVIDIA GPU start from AWS's Deep Learning Base image, which has the driver; all
others from Canonical's Ubuntu. Both have the account `ubuntu` with sudo.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from provisioning.catalogue.instance_types import InstanceType, read_catalogue
from provisioning.errors import NotPossibleHere
from provisioning.fleet import Architecture, WantedHost
from provisioning.journal import Journal
from provisioning.providers.ec2.aws import Aws

# https://docs.aws.amazon.com/dlami/latest/devguide/find-dlami-id.html
_GPU_IMAGE = (
    "/aws/service/deeplearning/ami/x86_64/base-oss-nvidia-driver-gpu-ubuntu-24.04/latest/ami-id"
)
# https://documentation.ubuntu.com/aws/aws-how-to/instances/find-ubuntu-images/
_UBUNTU_IMAGE = "/aws/service/canonical/ubuntu/server/24.04/stable/current/{}/hvm/ebs-gp3/ami-id"
_UBUNTU_NAMES: dict[Architecture, str] = {"x86_64": "amd64", "arm64": "arm64"}

#: A fleet lives for at most a week; then newer images have newer security updates.
_KEEP = timedelta(days=7)
_STEP = "ec2.images"


@dataclass(frozen=True)
class Image:
    """One image in one region. `least_gb`: the smallest disk it fits on, in GiB."""

    id: str
    name: str
    architecture: str
    root_device: str
    least_gb: int
    user: str = "ubuntu"


@dataclass(frozen=True)
class Images:
    """The images for a list of wanted hosts, by where they come from."""

    by_source: dict[str, Image]

    def of(self, type_name: str, chosen: str | None = None) -> Image:
        """The image for a host of this type; `chosen` is an id from the spec."""
        return self.by_source[image_source(type_name, chosen)]


def image_source(type_name: str, chosen: str | None = None) -> str:
    """An image id, or the SSM parameter that names the newest image for the type."""
    if chosen is not None:
        return chosen
    kind = read_catalogue().types[type_name]
    return _GPU_IMAGE if kind.gpus else _UBUNTU_IMAGE.format(_UBUNTU_NAMES[kind.architecture])


def find_images(aws: Aws, wanted: Iterable[WantedHost]) -> Images:
    """The newest images for all types that the hosts may be of.

    Raises: NotPossibleHere when there is none, or when one doesn't fit a type; AwsError.
    """
    return _find(aws, _needs(wanted))


def ensure_images(
    aws: Aws, wanted: Iterable[WantedHost], journal: Journal, *, now: datetime
) -> Images:
    """The images that the journal names; what it doesn't name is found and written down.

    So all hosts of a workshop start from the same image, a replaced one too.
    """
    needs = _needs(wanted)
    known = _recorded(journal, aws.region, now)
    missing = {source: kinds for source, kinds in needs.items() if source not in known}
    if missing:
        found = _find(aws, missing).by_source
        facts = {source: asdict(image) for source, image in found.items()}
        journal.write("seen", _STEP, region=aws.region, images=facts)
        known |= found
    images = {source: known[source] for source in needs}
    _check_fit(images, needs, aws.region)
    return Images(images)


def _needs(wanted: Iterable[WantedHost]) -> dict[str, list[InstanceType]]:
    """Where images come from, and the types that start from them."""
    types = read_catalogue().types
    needs: dict[str, list[InstanceType]] = {}
    for name, chosen in sorted({(t, host.image or "") for host in wanted for t in host.types}):
        needs.setdefault(image_source(name, chosen or None), []).append(types[name])
    return needs


def _recorded(journal: Journal, region: str, now: datetime) -> dict[str, Image]:
    known: dict[str, Image] = {}
    for entry in journal.of_step(_STEP):
        fresh = now - datetime.fromisoformat(entry.at) < _KEEP
        if fresh and entry.facts.get("region") == region:
            images = entry.facts["images"]
            known |= {source: Image(**facts) for source, facts in images.items()}
    return known


def _find(aws: Aws, needs: dict[str, list[InstanceType]]) -> Images:
    ids = _ids(aws, list(needs))
    described = _describe(aws, sorted(set(ids.values())))
    images = {source: described[ids[source]] for source in needs}
    _check_fit(images, needs, aws.region)
    return Images(images)


def _ids(aws: Aws, sources: list[str]) -> dict[str, str]:
    """The image id behind each source."""
    names = [source for source in sources if source.startswith("/")]
    ids = {source: source for source in sources if not source.startswith("/")}
    if names:  # at most three of them; a call takes ten
        answer = aws.call("ssm", "get_parameters", Names=names)
        ids |= {item["Name"]: item["Value"] for item in answer["Parameters"]}
    if missing := [name for name in names if name not in ids]:
        raise NotPossibleHere(
            f"AWS names no image {missing[0]} in {aws.region}",
            next_step="use another region, or name an image with `image:` in workshop.yaml",
        )
    return ids


def _describe(aws: Aws, ids: list[str]) -> dict[str, Image]:
    # A filter and not ImageIds: with ImageIds one unknown id fails the whole call.
    answer = aws.every(
        "ec2", "describe_images", "Images", Filters=[{"Name": "image-id", "Values": ids}]
    )
    found = {item["ImageId"]: _image(item) for item in answer}
    if missing := [one for one in ids if one not in found]:
        raise NotPossibleHere(
            f"There is no image {missing[0]} in {aws.region}, or this account may not see it",
            next_step=f"images belong to a region: take one from {aws.region}, or remove `image:`",
        )
    return found


def _image(item: dict[str, Any]) -> Image:
    root = item.get("RootDeviceName", "/dev/sda1")
    sizes = [
        mapping["Ebs"].get("VolumeSize", 8)
        for mapping in item.get("BlockDeviceMappings", ())
        if mapping.get("DeviceName") == root and "Ebs" in mapping
    ]
    return Image(
        id=item["ImageId"],
        name=item.get("Name", ""),
        architecture=item["Architecture"],
        root_device=root,
        least_gb=max(sizes, default=8),
    )


def _check_fit(images: dict[str, Image], needs: dict[str, list[InstanceType]], region: str) -> None:
    for source, kinds in needs.items():
        image = images[source]
        for kind in kinds:
            if image.architecture != kind.architecture:
                raise NotPossibleHere(
                    f"The image {image.id} in {region} is for {image.architecture}, "
                    f"and {kind.name} is {kind.architecture}",
                    next_step=f"name an image for {kind.architecture}, or remove `image:`",
                )
