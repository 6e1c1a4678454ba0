"""RunInstances, with what AWS checks and moto doesn't, and what AWS makes beside the instance.

https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_RunInstances.html
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from typing import Any

from tests.cloud import instance_types
from tests.cloud.api_call import Answer, Call, Refused
from tests.cloud.client_tokens import once
from tests.cloud.instance_life import CloudInstance
from tests.cloud.machines_protocol import MachineWish
from tests.cloud.region import Region
from tests.cloud.service_quotas import quota_value
from tests.cloud.spot_requests import add_request

Onward = Callable[[Call], Answer]
#: Raw, before it is encoded. https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/user-data.html
USER_DATA_BYTES = 16 * 1024
_USES_QUOTA = ("pending", "running", "shutting-down")


def run_instances(region: Region, call: Call, onward: Onward) -> Answer:
    """As many as there is room for, at least MinCount; once for each client token."""
    return once(region, call, lambda: _launch(region, call, onward))


def _launch(region: Region, call: Call, onward: Onward) -> Answer:
    least, most = _counts(call)
    name = call.get("InstanceType") or "m1.small"
    zone = call.get("zone") or f"{region.name}a"
    _require_names(region, call)
    _require_match(region, call, name)
    _require_offer(region, name, zone)
    count = min(most, _room(region, call, name))
    if count < least:
        raise _over_quota(region, call, name)
    if not instance_types.has_capacity(region.place.settings, name, zone):
        raise _no_capacity(name, zone)
    answer = onward(call.having(MinCount=str(count), MaxCount=str(count)))
    for instance in region.adopt():
        _complete(region, call, instance)
    return answer


def _counts(call: Call) -> tuple[int, int]:
    least, most = int(call.parameters["MinCount"]), int(call.parameters["MaxCount"])
    if not 1 <= least <= most:
        raise Refused("InvalidParameterValue", "MinCount must be between 1 and MaxCount.")
    return least, most


def _require_names(region: Region, call: Call) -> None:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html"""
    if (key := call.get("KeyName")) and key not in region.backend.key_pairs:
        raise Refused("InvalidKeyPair.NotFound", f"The key pair '{key}' does not exist")
    image = call.get("ImageId")
    if image not in region.backend.amis:
        raise Refused("InvalidAMIID.NotFound", f"The image id '[{image}]' does not exist")
    if len(_user_data(call)) > USER_DATA_BYTES:
        raise Refused("InvalidParameterValue", "User data is limited to 16384 bytes")


def _require_match(region: Region, call: Call, name: str) -> None:
    """Type and image must have one architecture, and the disk must hold the image."""
    if not instance_types.known(name):
        raise Refused("InvalidParameterValue", f"Invalid value '{name}' for InstanceType.")
    image = region.backend.amis[call.get("ImageId")]
    possible = instance_types.architectures(name)
    if image.architecture not in possible:
        raise Refused(
            "InvalidParameterValue",
            f"The architecture '{possible[0]}' of the specified instance type does not match "
            f"the architecture '{image.architecture}' of the specified AMI.",
        )
    asked, least = _root_gb(call, image), image.block_device_mappings[0]["Ebs"]["VolumeSize"]
    if asked < least:
        raise Refused(
            "InvalidBlockDeviceMapping",
            f"Volume of size {asked}GB is smaller than snapshot "
            f"'{image.ebs_snapshot.id}', expect size >= {least}GB",
        )


def _require_offer(region: Region, name: str, zone: str) -> None:
    zones = instance_types.zones_offering(region.place.settings, region.name, name)
    if zone not in zones:
        raise Refused(
            "Unsupported",
            f"Your requested instance type ({name}) is not supported in your requested "
            f"Availability Zone ({zone}). Please retry your request by not specifying an "
            f"Availability Zone or choosing {', '.join(sorted(zones)) or 'another type'}.",
        )


def _room(region: Region, call: Call, name: str) -> int:
    """How many more of this type the quota allows.

    https://docs.aws.amazon.com/ec2/latest/instancetypes/ec2-instance-quotas.html
    """
    spot = call.get("market") == "spot"
    code = instance_types.quota_code(name, spot=spot)
    used = sum(
        instance_types.vcpus(instance.instance_type)
        for instance in region.instances()
        if instance.state in _USES_QUOTA
        and instance_types.quota_code(instance.instance_type, spot=instance.lifecycle == "spot")
        == code
    )
    left = quota_value(region.place.settings, code) - used
    return max(0, int(left // instance_types.vcpus(name)))


def _over_quota(region: Region, call: Call, name: str) -> Refused:
    if call.get("market") == "spot":
        return Refused("MaxSpotInstanceCountExceeded", "Max spot instance count exceeded")
    limit = quota_value(region.place.settings, instance_types.quota_code(name, spot=False))
    return Refused(
        "VcpuLimitExceeded",
        f"You have requested more vCPU capacity than your current vCPU limit of {limit:g} "
        "allows for the instance bucket that the specified instance type belongs to. Please "
        "visit http://aws.amazon.com/contact-us/ec2-request to request an adjustment to this "
        "limit.",
    )


def _no_capacity(name: str, zone: str) -> Refused:
    return Refused(
        "InsufficientInstanceCapacity",
        f"We currently do not have sufficient {name} capacity in the Availability Zone you "
        f"requested ({zone}). Our system will be working on provisioning additional capacity.",
        500,
    )


def _complete(region: Region, call: Call, instance: CloudInstance) -> None:
    """What AWS does by default and moto doesn't."""
    tags = _tags_of(call)
    for nic in instance.nics.values():
        # https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/using-eni.html
        nic.delete_on_termination = True
        nic.add_tags(tags.get("network-interface", {}))
    _complete_disk(region, call, instance, tags.get("volume", {}))
    if instance.lifecycle == "spot":
        add_request(region.backend, instance, tags.get("spot-instances-request", {}))
    if region.place.machines is not None:
        machines, wish = region.place.machines, _wish(region, call, instance)
        instance.life.job = region.place.run(instance.id, lambda: machines.boot(wish))


def _complete_disk(
    region: Region, call: Call, instance: CloudInstance, tags: dict[str, str]
) -> None:
    """There always is a root volume, and it goes with the instance unless asked not to.

    https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/preserving-volumes-on-termination.html
    """
    root = instance.root_device_name
    if root not in instance.block_device_mapping:
        size = region.backend.amis[instance.image_id].block_device_mappings[0]["Ebs"]["VolumeSize"]
        instance.add_block_device(size, root, None, False, True, None, "gp3")
        volume = region.backend.volumes[instance.block_device_mapping[root].volume_id]
        volume.add_tags(tags)
    mapping = _mapping(call, root)
    if "Ebs.DeleteOnTermination" not in mapping:
        instance.block_device_mapping[root].delete_on_termination = True


def _wish(region: Region, call: Call, instance: CloudInstance) -> MachineWish:
    key = region.backend.key_pairs.get(instance.key_name)
    return MachineWish(
        instance_id=instance.id,
        instance_type=instance.instance_type,
        architecture="arm64" if instance.architecture == "arm64" else "x86_64",
        hostname=instance.private_dns_name.split(".")[0],
        user_data=_user_data(call),
        authorized_keys=(_text(key.material_public).strip(),) if key else (),
        gpus=instance_types.gpus(instance.instance_type),
        disk_gb=_root_gb(call, region.backend.amis[instance.image_id]),
        tags={tag["key"]: tag["value"] for tag in instance.get_tags()},
    )


def _user_data(call: Call) -> bytes:
    try:
        return base64.b64decode(call.get("UserData") or "", validate=True)
    except binascii.Error:
        raise Refused(
            "InvalidUserData.Malformed", "Invalid BASE64 encoding of user data."
        ) from None


def _mapping(call: Call, device: str) -> dict[str, str]:
    return next(
        (one for one in call.groups("BlockDeviceMapping") if one.get("DeviceName") == device), {}
    )


def _root_gb(call: Call, image: Any) -> int:
    default = image.block_device_mappings[0]["Ebs"]["VolumeSize"]
    return int(_mapping(call, image.root_device_name).get("Ebs.VolumeSize", default))


def _tags_of(call: Call) -> dict[str, dict[str, str]]:
    """Tags by the type of resource that they are for."""
    found: dict[str, dict[str, str]] = {}
    for specification in call.groups("TagSpecification"):
        tags = found.setdefault(specification["ResourceType"], {})
        for name, key in specification.items():
            if name.startswith("Tag.") and name.endswith(".Key"):
                tags[key] = specification.get(name.removesuffix("Key") + "Value", "")
    return found


def _text(material: bytes | str) -> str:
    return material.decode() if isinstance(material, bytes) else material
