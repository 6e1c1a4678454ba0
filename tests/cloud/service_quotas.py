"""Service Quotas for EC2, which moto lacks: limits only, as AWS tells them, no usage.

https://docs.aws.amazon.com/servicequotas/2019-06-24/apireference/API_ServiceQuota.html
"""

from __future__ import annotations

from typing import Any

from tests.cloud.api_call import Answer, Call, Refused, as_json
from tests.cloud.instance_types import QUOTA_NAMES
from tests.cloud.settings import FRESH_ACCOUNT, Settings

_PAGE = 5


def quota_value(settings: Settings, code: str) -> float:
    return settings.quotas.get(code, settings.quota_default)


def get_service_quota(settings: Settings, call: Call) -> Answer:
    code = _known(call)
    return as_json({"Quota": _quota(code, quota_value(settings, code), call.region)})


def get_default(settings: Settings, call: Call) -> Answer:
    code = _known(call)
    return as_json({"Quota": _quota(code, FRESH_ACCOUNT.get(code, 0), call.region)})


def list_service_quotas(settings: Settings, call: Call) -> Answer:
    """In small pages: a caller that reads only the first one misses some."""
    first = int(call.parameters.get("NextToken") or 0)
    codes = sorted(QUOTA_NAMES)
    shown = codes[first : first + _PAGE]
    answer: dict[str, Any] = {
        "Quotas": [_quota(code, quota_value(settings, code), call.region) for code in shown]
    }
    if first + _PAGE < len(codes):
        answer["NextToken"] = str(first + _PAGE)
    return as_json(answer)


def _known(call: Call) -> str:
    code = str(call.parameters["QuotaCode"])
    if call.parameters["ServiceCode"] != "ec2" or code not in QUOTA_NAMES:
        raise Refused("NoSuchResourceException", "The specified quota does not exist.")
    return code


def _quota(code: str, value: float, region: str) -> dict[str, Any]:
    return {
        "ServiceCode": "ec2",
        "ServiceName": "Amazon Elastic Compute Cloud (Amazon EC2)",
        "QuotaArn": f"arn:aws:servicequotas:{region}:123456789012:ec2/{code}",
        "QuotaCode": code,
        "QuotaName": QUOTA_NAMES[code],
        "Value": float(value),
        "Unit": "None",
        "Adjustable": True,
        "GlobalQuota": False,
    }
