"""One API call as it arrived, and the answer to it, in the protocols that AWS speaks.

EC2, STS and IAM speak "query" (a form), SSM, Pricing and Service Quotas speak JSON.
https://docs.aws.amazon.com/ec2/latest/devguide/ec2-query-api.html
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import parse_qsl, urlencode
from xml.sax.saxutils import escape

#: Services whose errors look different from EC2's.
_QUERY = ("sts", "iam")


@dataclass(frozen=True)
class Answer:
    """An HTTP answer."""

    status: int
    body: bytes
    content_type: str = "text/xml"

    @property
    def error_code(self) -> str:
        """The AWS error code in it; empty when it is no error."""
        if self.status < 400:
            return ""
        found = re.search(rb'<Code>([^<]*)</Code>|"__type":\s*"([^"]*)"', self.body)
        return (found[1] or found[2]).decode() if found else f"HTTP {self.status}"


class Refused(Exception):
    """AWS would refuse the call: its code, its sentence and the HTTP status."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status


@dataclass(frozen=True)
class Call:
    """Parameters are flat for query services, as on the wire: `InstanceId.1`."""

    service: str
    region: str
    action: str
    parameters: Mapping[str, Any]
    access_key: str = ""
    #: JSON services; the others take a form.
    in_json: bool = False
    #: Facts derived from the parameters: `zone`, and `tag:KEY` of a TagSpecification.
    facts: Mapping[str, str] = field(default_factory=dict)

    def get(self, name: str) -> Any:
        """A parameter or a fact; None when it is absent."""
        return self.parameters.get(name, self.facts.get(name))

    def values(self, name: str) -> list[str]:
        """`InstanceId.1`, `InstanceId.2`... in order."""
        numbered = {
            int(key[len(name) + 1 :]): value
            for key, value in self.parameters.items()
            if key.startswith(f"{name}.") and key[len(name) + 1 :].isdigit()
        }
        return [numbered[number] for number in sorted(numbered)]

    def groups(self, name: str) -> list[dict[str, str]]:
        """`Filter.1.Name`, `Filter.1.Value.1`... as one flat mapping for each number."""
        found: dict[int, dict[str, str]] = {}
        for key, value in self.parameters.items():
            if match := re.fullmatch(rf"{re.escape(name)}\.(\d+)\.(.+)", key):
                found.setdefault(int(match[1]), {})[match[2]] = value
        return [found[number] for number in sorted(found)]

    def filters(self) -> dict[str, list[str]]:
        """The filters of a Describe call: name to accepted values."""
        return {
            one["Name"]: [value for key, value in one.items() if key.startswith("Value.")]
            for one in self.groups("Filter")
        }

    @property
    def changes(self) -> bool:
        """Whether it may change something."""
        return not self.action.startswith(("Describe", "Get", "List"))

    @property
    def dry(self) -> bool:
        return str(self.parameters.get("DryRun", "")).lower() == "true"

    def having(self, **parameters: str) -> Call:
        """The same call with other parameters."""
        return replace(self, parameters={**self.parameters, **parameters})


def read_call(environ: Mapping[str, Any]) -> Call:
    """What a signed request asks for. Signatures are not checked, names of keys are."""
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    match = re.search(
        r"Credential=([^/]+)/\d+/([^/]+)/([^/]+)/aws4_request",
        environ.get("HTTP_AUTHORIZATION", ""),
    )
    key, region, service = match.groups() if match else ("", "us-east-1", "unsigned")
    if target := environ.get("HTTP_X_AMZ_TARGET"):
        return Call(service, region, target.split(".")[-1], json.loads(body or b"{}"), key, True)
    form = dict(parse_qsl(body.decode(), keep_blank_values=True))
    action = form.pop("Action", "")
    return Call(service, region, action, form, key, facts=_facts_of_tags(form))


def _facts_of_tags(form: Mapping[str, str]) -> dict[str, str]:
    facts: dict[str, str] = {}
    for key, value in form.items():
        if match := re.fullmatch(r"(TagSpecification\.\d+\.Tag\.\d+)\.Key", key):
            facts.setdefault(f"tag:{value}", form.get(f"{match[1]}.Value", ""))
    return facts


def request_body(call: Call) -> dict[str, Any]:
    """The call as the entries of a WSGI environment."""
    if call.in_json:
        body = json.dumps(dict(call.parameters)).encode()
    else:
        body = urlencode({"Action": call.action, **call.parameters}).encode()
    return {"wsgi.input": io.BytesIO(body), "CONTENT_LENGTH": str(len(body))}


def refusal(call: Call, refused: Refused) -> Answer:
    """A refusal in the protocol of the service."""
    code, said = escape(refused.code), escape(refused.message)
    if call.service == "ec2":
        # https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html
        body = (
            f"<Response><Errors><Error><Code>{code}</Code><Message>{said}</Message>"
            f"</Error></Errors><RequestID>request</RequestID></Response>"
        )
        return Answer(refused.status, body.encode())
    if call.service in _QUERY:
        body = (
            f"<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code>"
            f"<Message>{said}</Message></Error><RequestId>request</RequestId></ErrorResponse>"
        )
        return Answer(refused.status, body.encode())
    content = json.dumps({"__type": refused.code, "message": refused.message})
    return Answer(refused.status, content.encode(), "application/x-amz-json-1.1")


def xml(call: Call, inner: str) -> Answer:
    """A successful answer of EC2; `inner` is XML."""
    name = f"{call.action}Response"
    body = f"<{name}><requestId>request</requestId>{inner}</{name}>"
    return Answer(200, body.encode())


def as_json(content: Any) -> Answer:
    return Answer(200, json.dumps(content).encode(), "application/x-amz-json-1.1")
