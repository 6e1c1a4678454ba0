import re
from itertools import combinations

from provisioning.providers.ec2.tokens import client_token

WHERE = ("us-east-1a", "g4dn.xlarge", "spot")


def token(**changes: object) -> str:
    facts = {"workshop": "nlp", "uid": "0a1b", "host": "gpu-01", "attempt": 1, "where": WHERE}
    return client_token(**{**facts, **changes})  # type: ignore[arg-type]


def test_the_same_request_has_the_same_token_that_aws_takes() -> None:
    # Up to 64 ASCII characters:
    # https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-idempotency.html
    assert token() == token()
    assert re.fullmatch(r"[0-9a-f]{40}", token())


def test_whatever_differs_makes_another_token() -> None:
    all_of_them = [
        token(),
        token(workshop="nlp2"),
        token(uid="0a1c"),
        token(host="gpu-02"),
        token(attempt=2),
        token(where=("us-east-1b", "g4dn.xlarge", "spot")),
        token(where=("us-east-1a", "g5.xlarge", "spot")),
        token(where=("us-east-1a", "g4dn.xlarge", "on-demand")),
        token(workshop="nlp0", uid="a1b"),  # the same letters, cut elsewhere
    ]
    assert all(one != other for one, other in combinations(all_of_them, 2))
