"""The price list and the history of spot prices, which moto lacks or makes up.

https://docs.aws.amazon.com/aws-cost-management/latest/APIReference/API_pricing_GetProducts.html
https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeSpotPriceHistory.html
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from tests.cloud import instance_types
from tests.cloud.api_call import Answer, Call, Refused, as_json, xml
from tests.cloud.settings import Settings

#: The price list is served from few regions.
#: https://docs.aws.amazon.com/awsaccountbilling/latest/aboutv2/using-the-aws-price-list-bulk-api-fetching-price-list-files-manually.html
PRICE_REGIONS = ("us-east-1", "eu-central-1", "ap-south-1")
#: Other regions cost a bit more here, so that a caller that forgets the region is seen.
_DEARER = 1.1
_LOCATIONS = {
    "us-east-1": "US East (N. Virginia)",
    "us-west-2": "US West (Oregon)",
    "eu-west-1": "EU (Ireland)",
    "eu-central-1": "EU (Frankfurt)",
}


def get_products(settings: Settings, call: Call) -> Answer:
    """Linux, shared tenancy, one product for each type and region that the filters leave."""
    if call.parameters["ServiceCode"] != "AmazonEC2":
        raise Refused("InvalidParameterException", "Only AmazonEC2 is for sale here.")
    products = [
        _product(name, region, price_in(settings, name, region))
        for region in sorted({*settings.regions, *_LOCATIONS})
        for name in sorted(settings.prices)
    ]
    wanted = [
        (one["Field"], one["Value"])
        for one in call.parameters.get("Filters", ())
        if one["Type"] == "TERM_MATCH"
    ]
    kept = [product for product in products if _fits(product, wanted)]
    first = int(call.parameters.get("NextToken") or 0)
    size = min(100, int(call.parameters.get("MaxResults") or 100))
    answer: dict[str, Any] = {
        "FormatVersion": "aws_v1",
        "PriceList": [json.dumps(product) for product in kept[first : first + size]],
    }
    if first + size < len(kept):
        answer["NextToken"] = str(first + size)
    return as_json(answer)


def price_in(settings: Settings, instance_type: str, region: str) -> float:
    price = settings.prices[instance_type]
    return price if region == "us-east-1" else round(price * _DEARER, 6)


def describe_spot_price_history(settings: Settings, call: Call) -> Answer:
    """The newest price of each type and zone."""
    filters = call.filters()
    names = call.values("InstanceType") or filters.get("instance-type", sorted(settings.prices))
    only = call.parameters.get("AvailabilityZone")
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    items = "".join(
        f"<item><instanceType>{name}</instanceType>"
        f"<productDescription>Linux/UNIX</productDescription>"
        f"<spotPrice>{price_in(settings, name, call.region) * settings.spot_share:.6f}</spotPrice>"
        f"<timestamp>{now}</timestamp><availabilityZone>{zone}</availabilityZone></item>"
        for name in names
        if name in settings.prices
        for zone in sorted(instance_types.zones_offering(settings, call.region, name))
        if only in (None, zone) and zone in filters.get("availability-zone", [zone])
    )
    return xml(call, f"<spotPriceHistorySet>{items}</spotPriceHistorySet>")


def _product(name: str, region: str, price: float) -> dict[str, Any]:
    sku = f"{name}-{region}".upper().replace(".", "")
    return {
        "product": {
            "productFamily": "Compute Instance",
            "sku": sku,
            "attributes": {
                "instanceType": name,
                "regionCode": region,
                "location": _LOCATIONS.get(region, region),
                "operatingSystem": "Linux",
                "tenancy": "Shared",
                "preInstalledSw": "NA",
                "capacitystatus": "Used",
                "licenseModel": "No License required",
                "marketoption": "OnDemand",
                "vcpu": str(instance_types.vcpus(name)),
            },
        },
        "serviceCode": "AmazonEC2",
        "publicationDate": "2026-11-01T00:00:00Z",
        "terms": {"OnDemand": {f"{sku}.T": {"priceDimensions": {f"{sku}.T.D": _hourly(price)}}}},
    }


def _hourly(price: float) -> dict[str, Any]:
    return {"unit": "Hrs", "pricePerUnit": {"USD": f"{price:.10f}"}}


def _fits(product: dict[str, Any], wanted: list[tuple[str, str]]) -> bool:
    attributes = {**product["product"]["attributes"], "productFamily": "Compute Instance"}
    return all(attributes.get(field) == value for field, value in wanted)
