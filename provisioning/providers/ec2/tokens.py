"""Client tokens: the same request always has the same one, another request never."""

from __future__ import annotations

import hashlib
import json

#: AWS takes up to 64 ASCII characters.
_LENGTH = 40


def client_token(
    *, workshop: str, uid: str, host: str, attempt: int, where: tuple[str, ...]
) -> str:
    """The token of one try: `where` is its zone, type and market.

    A token given with a subnet counts in that subnet's zone alone, and AWS remembers it for at
    least a day after the instance is gone. Hence the zone, the attempt, and `uid`, which is new
    for every state folder.
    https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-idempotency.html
    """
    # JSON keeps ("ab", "c") and ("a", "bc") apart.
    text = json.dumps([workshop, uid, host, attempt, *where])
    return hashlib.sha256(text.encode()).hexdigest()[:_LENGTH]
