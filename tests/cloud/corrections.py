"""Which calls are answered here and not by moto alone."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from xml.sax.saxutils import escape

from tests.cloud import instance_types, prices, service_quotas, ssm_parameters
from tests.cloud.api_call import Answer, Call, Refused, xml
from tests.cloud.groups_in_use import delete_security_group
from tests.cloud.launching import Onward, run_instances
from tests.cloud.region import Region
from tests.cloud.resource_tags import describe_tags

Correction = Callable[[Region, Call, Onward], Answer]


def correction(call: Call) -> Correction:
    """What answers the call; most go on to moto as they are."""
    return _CORRECTIONS.get((call.service, call.action), _as_it_is)


def _as_it_is(region: Region, call: Call, onward: Onward) -> Answer:
    return onward(call)


def _describe_regions(region: Region, call: Call, onward: Onward) -> Answer:
    """The regions that are enabled for the account, few here."""
    wanted = call.values("RegionName") or list(region.place.settings.regions)
    for name in wanted:
        if name not in region.place.settings.regions:
            raise Refused("InvalidParameterValue", f"Invalid region '{name}' specified.")
    items = "".join(
        f"<item><regionName>{name}</regionName>"
        f"<regionEndpoint>ec2.{name}.amazonaws.com</regionEndpoint>"
        f"<optInStatus>opt-in-not-required</optInStatus></item>"
        for name in wanted
    )
    return xml(call, f"<regionInfo>{items}</regionInfo>")


def _describe_offerings(region: Region, call: Call, onward: Onward) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstanceTypeOfferings.html"""
    kind, filters = call.get("LocationType") or "region", call.filters()
    items = []
    for name in filters.get("instance-type") or instance_types.names(region.name):
        zones = instance_types.zones_offering(region.place.settings, region.name, name)
        places = sorted(zones) if kind == "availability-zone" else [region.name] if zones else []
        items += [
            f"<item><instanceType>{escape(name)}</instanceType>"
            f"<locationType>{kind}</locationType><location>{place}</location></item>"
            for place in places
            if place in filters.get("location", [place])
        ]
    return xml(call, f"<instanceTypeOfferingSet>{''.join(items)}</instanceTypeOfferingSet>")


def _get_console_output(region: Region, call: Call, onward: Onward) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_GetConsoleOutput.html"""
    instance_id = str(call.get("InstanceId"))
    if region.instance(instance_id) is None:
        raise Refused(
            "InvalidInstanceID.NotFound", f"The instance ID '{instance_id}' does not exist"
        )
    machines = region.place.machines
    text = machines.console(instance_id) if machines else ""
    output = base64.b64encode(text.encode()).decode()
    return xml(
        call,
        f"<instanceId>{instance_id}</instanceId>"
        f"<timestamp>2026-11-21T00:00:00.000Z</timestamp><output>{output}</output>",
    )


def _delete_key_pair(region: Region, call: Call, onward: Onward) -> Answer:
    """Also by its id, and no error if it is not there. moto knows names only.

    https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DeleteKeyPair.html
    """
    wanted = call.get("KeyPairId")
    names = [pair.key_name for pair in region.backend.key_pairs.values() if pair.id == wanted]
    return onward(call.having(KeyName=names[0]) if names else call)


def _cancel_spot_requests(region: Region, call: Call, onward: Onward) -> Answer:
    """The request stays known, and its instance stays. moto forgets the request."""
    items = ""
    for name in call.values("SpotInstanceRequestId"):
        request = region.backend.spot_instance_requests.get(name)
        if request is None:
            raise Refused(
                "InvalidSpotInstanceRequestID.NotFound",
                f"The spot instance request ID '{name}' does not exist",
            )
        request.cancel()
        items += (
            f"<item><spotInstanceRequestId>{name}</spotInstanceRequestId>"
            f"<state>{request.state}</state></item>"
        )
    return xml(call, f"<spotInstanceRequestSet>{items}</spotInstanceRequestSet>")


_CORRECTIONS: Mapping[tuple[str, str], Correction] = {
    ("ec2", "RunInstances"): run_instances,
    ("ec2", "DeleteSecurityGroup"): delete_security_group,
    ("ec2", "DeleteKeyPair"): _delete_key_pair,
    ("ec2", "DescribeTags"): lambda region, call, onward: describe_tags(region, call),
    ("ec2", "DescribeRegions"): _describe_regions,
    ("ec2", "DescribeInstanceTypeOfferings"): _describe_offerings,
    ("ec2", "GetConsoleOutput"): _get_console_output,
    ("ec2", "CancelSpotInstanceRequests"): _cancel_spot_requests,
    ("ec2", "DescribeSpotPriceHistory"): lambda region, call, onward: (
        prices.describe_spot_price_history(region.place.settings, call)
    ),
    ("pricing", "GetProducts"): lambda region, call, onward: prices.get_products(
        region.place.settings, call
    ),
    ("servicequotas", "GetServiceQuota"): lambda region, call, onward: (
        service_quotas.get_service_quota(region.place.settings, call)
    ),
    ("servicequotas", "GetAWSDefaultServiceQuota"): lambda region, call, onward: (
        service_quotas.get_default(region.place.settings, call)
    ),
    ("servicequotas", "ListServiceQuotas"): lambda region, call, onward: (
        service_quotas.list_service_quotas(region.place.settings, call)
    ),
    ("ssm", "GetParameter"): lambda region, call, onward: ssm_parameters.get_parameter(call),
    ("ssm", "GetParameters"): lambda region, call, onward: ssm_parameters.get_parameters(call),
    ("ssm", "GetParametersByPath"): lambda region, call, onward: (
        ssm_parameters.get_parameters_by_path(call)
    ),
}
