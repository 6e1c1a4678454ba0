"""The only importer of boto3: calls with deadlines, and answers as families of errors.

Where the API is, which account and which proxy come from AWS's own settings (environment
variables, ~/.aws). AWS_ENDPOINT_URL points all of it at another server.
"""

from __future__ import annotations

import threading
from typing import Any, Final

import boto3
import botocore.exceptions as refusals
from botocore.config import Config
from botocore.parsers import ResponseParserError

from provisioning.providers.ec2.errors import (
    AlreadyThere,
    AnswerLost,
    AwsError,
    InUse,
    NoCapacity,
    NoCredentials,
    NotAllowed,
    NotOffered,
    NotThere,
    QuotaExceeded,
    Throttled,
    TokenMismatch,
)

# https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html
_FAMILIES: Final[dict[str, type[AwsError]]] = {
    "UnauthorizedOperation": NotAllowed,
    "AccessDenied": NotAllowed,
    "AccessDeniedException": NotAllowed,
    "OptInRequired": NotAllowed,
    "PendingVerification": NotAllowed,
    "Blocked": NotAllowed,
    "VcpuLimitExceeded": QuotaExceeded,
    "InstanceLimitExceeded": QuotaExceeded,
    "MaxSpotInstanceCountExceeded": QuotaExceeded,
    "SpotMaxPriceTooLow": NoCapacity,
    "VolumeLimitExceeded": QuotaExceeded,
    "SecurityGroupLimitExceeded": QuotaExceeded,
    "InsufficientInstanceCapacity": NoCapacity,
    "InsufficientHostCapacity": NoCapacity,
    "InsufficientCapacity": NoCapacity,
    "InsufficientCapacityOnHost": NoCapacity,
    # A zone's subnet, or AWS itself, has no address left: another zone may have.
    "InsufficientFreeAddressesInSubnet": NoCapacity,
    "InsufficientAddressCapacity": NoCapacity,
    "Unsupported": NotOffered,
    "UnsupportedOperation": NotOffered,
    "InvalidInstanceType": NotOffered,
    "RequestLimitExceeded": Throttled,
    "Throttling": Throttled,
    "ThrottlingException": Throttled,
    "TooManyRequestsException": Throttled,
    "EC2ThrottledException": Throttled,
    "DependencyViolation": InUse,
    "ResourceInUse": InUse,
    "VolumeInUse": InUse,
    # https://docs.aws.amazon.com/servicequotas/2019-06-24/apireference/API_GetServiceQuota.html
    "NoSuchResourceException": NotThere,
    "IdempotentParameterMismatch": TokenMismatch,
    "IdempotentInstanceTerminated": TokenMismatch,
}
_NO_CREDENTIALS = frozenset(
    {
        "AuthFailure",
        "InvalidClientTokenId",
        "SignatureDoesNotMatch",
        "ExpiredToken",
        "ExpiredTokenException",
        "UnrecognizedClientException",
        "RequestExpired",
    }
)
# The last one is no relative of the others: a page of HTML came, perhaps from a proxy.
_FAILURES = (refusals.ClientError, refusals.BotoCoreError, ResponseParserError)
_CREDENTIALS_STEP = (
    "run `aws configure` (or set AWS_PROFILE), check with `aws sts get-caller-identity`, "
    "then repeat the command"
)


class Aws:
    """One account in one region. `attempts` counts the first try, so 1 never repeats a call."""

    def __init__(
        self,
        region: str,
        *,
        profile: str | None = None,
        attempts: int = 4,
        read_seconds: float = 30,
    ) -> None:
        self.region = region
        self._profile = profile
        self._config = Config(
            connect_timeout=10,
            read_timeout=read_seconds,
            retries={"mode": "standard", "total_max_attempts": attempts},
            max_pool_connections=64,
        )
        self._read_seconds = read_seconds
        self._clients: dict[str, Any] = {}
        self._making = threading.Lock()
        self._session: Any = None

    def elsewhere(self, region: str) -> Aws:
        """The same account in another region. They share a session: one takes 0.3 s to make."""
        return self._sibling(region, self._config.retries["total_max_attempts"])

    def with_attempts(self, attempts: int) -> Aws:
        """The same account and region, with other patience: 1 never repeats a call."""
        return self._sibling(self.region, attempts)

    def _sibling(self, region: str, attempts: int) -> Aws:
        other = Aws(
            region, profile=self._profile, attempts=attempts, read_seconds=self._read_seconds
        )
        with self._making:
            other._making, other._session = self._making, self._made_session()
        return other

    def call(self, service: str, operation: str, **parameters: Any) -> dict[str, Any]:
        """One call, such as call("ec2", "run_instances", MinCount=1, ...).

        Raises: NoCredentials; AnswerLost when the effect is unknown; else an AwsError family.
        """
        try:
            answer = getattr(self._client(service), operation)(**parameters)
        except _FAILURES as error:
            raise explain(error, operation, self.region) from error
        return dict(answer)

    def every(
        self, service: str, operation: str, key: str, **parameters: Any
    ) -> list[dict[str, Any]]:
        """All pages of a listing: the items below `key`."""
        client = self._client(service)
        if not client.can_paginate(operation):
            return list(self.call(service, operation, **parameters).get(key, ()))
        try:
            pages = client.get_paginator(operation).paginate(**parameters)
            return [item for page in pages for item in page.get(key, ())]
        except _FAILURES as error:
            raise explain(error, operation, self.region) from error

    def _client(self, service: str) -> Any:
        with self._making:  # making clients is not thread-safe, using them is
            if service not in self._clients:
                try:
                    self._clients[service] = self._made_session().client(
                        service, region_name=self.region, config=self._config
                    )
                except refusals.BotoCoreError as error:
                    raise explain(error, service, self.region) from error
            return self._clients[service]

    def _made_session(self) -> Any:
        if self._session is None:
            try:
                self._session = boto3.Session(profile_name=self._profile)
            except refusals.BotoCoreError as error:
                raise explain(error, "configure", self.region) from error
        return self._session


def explain(
    error: refusals.ClientError | refusals.BotoCoreError | ResponseParserError,
    operation: str,
    region: str,
) -> AwsError | AnswerLost | NoCredentials:
    """boto3's exception in our words."""
    match error:
        case refusals.ClientError():
            return _refusal(error, operation, region)
        case (
            refusals.NoCredentialsError()
            | refusals.PartialCredentialsError()
            | refusals.ProfileNotFound()
            | refusals.CredentialRetrievalError()
        ):
            return NoCredentials(f"No AWS credentials: {error}", next_step=_CREDENTIALS_STEP)
        case refusals.ParamValidationError():
            return AwsError(operation, "ParamValidation", str(error), region=region)
        case _:
            first_line = next(iter(str(error).splitlines()), type(error).__name__)
            return AnswerLost(operation, first_line, region=region)


def _refusal(
    error: refusals.ClientError, operation: str, region: str
) -> AwsError | AnswerLost | NoCredentials:
    told = error.response.get("Error", {})
    code, said = str(told.get("Code", "")), str(told.get("Message", "")).rstrip(".")
    if code in _NO_CREDENTIALS:
        return NoCredentials(
            f"AWS doesn't accept the credentials: {said}", next_step=_CREDENTIALS_STEP
        )
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if code in _FAMILIES:
        return _FAMILIES[code](operation, code, said, region=region)
    if code.endswith(".InUse"):
        return InUse(operation, code, said, region=region)
    if code.endswith((".NotFound", "NotFound", ".Unknown")) or "NotFound" in code:
        return NotThere(operation, code, said, region=region)
    if code.endswith((".Duplicate", "AlreadyExists", "AlreadyExistsException")):
        return AlreadyThere(operation, code, said, region=region)
    if status >= 500:  # InternalError, ServiceUnavailable: it may have happened nevertheless
        return AnswerLost(operation, f"{said} ({code})", region=region)
    return AwsError(operation, code, said, region=region)
