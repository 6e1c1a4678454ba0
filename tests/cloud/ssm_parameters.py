"""SSM: the public parameters of Canonical and of the Deep Learning AMIs, which moto lacks.

https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetParameters.html
"""

from __future__ import annotations

from typing import Any

from tests.cloud.api_call import Answer, Call, Refused, as_json
from tests.cloud.images import parameter_values


def get_parameter(call: Call) -> Answer:
    name = call.parameters["Name"]
    known = parameter_values(call.region)
    if name not in known:
        raise Refused("ParameterNotFound", "")
    return as_json({"Parameter": _parameter(name, known[name], call.region)})


def get_parameters(call: Call) -> Answer:
    """Unknown names are listed, they are no error. At most ten names in a call."""
    names = call.parameters["Names"]
    if len(names) > 10:
        raise Refused("ValidationException", "Member must have length less than or equal to 10")
    known = parameter_values(call.region)
    found = [_parameter(name, known[name], call.region) for name in names if name in known]
    return as_json(
        {"Parameters": found, "InvalidParameters": [name for name in names if name not in known]}
    )


def get_parameters_by_path(call: Call) -> Answer:
    path = call.parameters["Path"].rstrip("/") + "/"
    known = parameter_values(call.region)
    found = [_parameter(name, known[name], call.region) for name in known if name.startswith(path)]
    return as_json({"Parameters": found})


def _parameter(name: str, value: str, region: str) -> dict[str, Any]:
    return {
        "Name": name,
        "Type": "String",
        "Value": value,
        "Version": 1,
        "LastModifiedDate": 1790000000.0,
        "ARN": f"arn:aws:ssm:{region}::parameter{name}",
        "DataType": "aws:ec2:image",
    }
