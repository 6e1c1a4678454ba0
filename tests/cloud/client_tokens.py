"""Client tokens: the same request launches once, another one under the same token is refused.

https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-idempotency.html
"""

from __future__ import annotations

from collections.abc import Callable

from tests.cloud.api_call import Answer, Call, Refused
from tests.cloud.region import Region

_PENDING = b"<code>0</code><name>pending</name>"


def once(region: Region, call: Call, launch: Callable[[], Answer]) -> Answer:
    """Launch, or answer as before. A refused request may be repeated with its token.

    Tokens are zonal where the request names a zone or a subnet: the same token launches again
    in another zone.
    """
    token = call.get("ClientToken")
    if not token:
        return launch()
    if len(token) > 64:
        raise Refused("InvalidParameterValue", "ClientToken is longer than 64 characters.")
    place = (token, call.get("zone") or "")
    if place not in region.tokens:
        before = {instance.id for instance in region.instances()}
        answer = launch()
        if answer.status == 200:
            made = tuple(one.id for one in region.instances() if one.id not in before)
            region.tokens[place] = (call, answer, made)
        return answer
    asked, answered, made = region.tokens[place]
    if dict(asked.parameters) != dict(call.parameters):
        raise Refused(
            "IdempotentParameterMismatch",
            "Arguments on this idempotent request are inconsistent with arguments used in "
            "previous request(s).",
        )
    return _as_it_is_now(region, answered, made)


def _as_it_is_now(region: Region, answered: Answer, made: tuple[str, ...]) -> Answer:
    """The first answer with the states of now; instances that ended can't be had again.

    IdempotentInstanceTerminated:
    https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html
    """
    states = [instance._state for one in made if (instance := region.instance(one)) is not None]
    if any(state.name in ("shutting-down", "terminated") for state in states):
        raise Refused(
            "IdempotentInstanceTerminated",
            "The request to launch an instance uses the same client token as a previous request "
            "for which the instance has been terminated.",
        )
    body = answered.body
    for state in states:
        now = f"<code>{state.code}</code><name>{state.name}</name>".encode()
        body = body.replace(_PENDING, now, 1)
    return Answer(answered.status, body, answered.content_type)
