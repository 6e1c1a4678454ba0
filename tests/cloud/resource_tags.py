"""DescribeTags with AWS's names of kinds, and without the tags of what was deleted.

https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeTags.html
https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_TagSpecification.html
"""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Any
from xml.sax.saxutils import escape

from moto.ec2.utils import EC2_PREFIX_TO_RESOURCE

from tests.cloud.api_call import Answer, Call, xml
from tests.cloud.inventory import tables
from tests.cloud.region import Region

#: Where moto has a name of its own.
_NAMES = {"sir": "spot-instances-request", "eipalloc": "elastic-ip"}


def describe_tags(region: Region, call: Call) -> Answer:
    """All that fit every filter; a filter's values may have wildcards."""
    filters = call.filters()
    items = "".join(
        f"<item><resourceId>{escape(fact['resource-id'])}</resourceId>"
        f"<resourceType>{fact['resource-type']}</resourceType>"
        f"<key>{escape(fact['key'])}</key><value>{escape(fact['value'])}</value></item>"
        for fact in _facts(region.backend)
        if all(
            any(fnmatchcase(fact[name], pattern) for pattern in patterns)
            for name, patterns in filters.items()
        )
    )
    return xml(call, f"<tagSet>{items}</tagSet>")


def _facts(backend: Any) -> Iterator[dict[str, str]]:
    listed = tables(backend)
    there = {
        getattr(thing, "id", "") or thing.allocation_id
        for things in listed.values()
        for thing in things
    }
    prefixes = {"i", "vol", "eni", "eipalloc", "sg", "key", "lt", "sir", "ami", "snap"}
    for name, tags in list(backend.tags.items()):
        prefix = name.rpartition("-")[0]
        if prefix in prefixes and name not in there:
            continue
        kind = _NAMES.get(prefix, EC2_PREFIX_TO_RESOURCE.get(prefix, prefix))
        for key, value in tags.items():
            yield {"resource-id": name, "resource-type": kind, "key": key, "value": value}
