"""What a test may choose about the account and the regions before or while it runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

#: New accounts get few Standard vCPUs and no GPU at all until they ask.
#: https://docs.aws.amazon.com/ec2/latest/instancetypes/ec2-instance-quotas.html
FRESH_ACCOUNT: Mapping[str, float] = {"L-1216C47A": 5, "L-34B43A08": 5}

#: Dollars an hour, on demand, Linux, us-east-1. Near to what AWS asked in 2025; test data,
#: no test says that it is what AWS asks. https://aws.amazon.com/ec2/pricing/on-demand/
PRICES: Mapping[str, float] = {
    "a1.medium": 0.0255, "a1.large": 0.051, "a1.xlarge": 0.102, "a1.2xlarge": 0.204,
    "c6g.medium": 0.034, "c6g.large": 0.068, "c6g.xlarge": 0.136, "c6g.2xlarge": 0.272,
    "c7g.medium": 0.0363, "c7g.large": 0.0725, "c7g.xlarge": 0.145, "c7g.2xlarge": 0.29,
    "g4dn.xlarge": 0.526, "g4dn.2xlarge": 0.752, "g4dn.4xlarge": 1.204,
    "g4dn.8xlarge": 2.176, "g4dn.12xlarge": 3.912,
    "g5.xlarge": 1.006, "g5.2xlarge": 1.212, "g5.4xlarge": 1.624, "g5.12xlarge": 5.672,
    "g6.xlarge": 0.8048, "g6.2xlarge": 0.9776, "g6.4xlarge": 1.3232,
    "g6e.xlarge": 1.861, "g6e.2xlarge": 2.24208, "g6e.4xlarge": 3.00424,
    "inf1.xlarge": 0.228, "inf1.2xlarge": 0.362, "inf2.xlarge": 0.7582, "inf2.8xlarge": 1.96786,
    "m5.large": 0.096, "m5.xlarge": 0.192, "m5.2xlarge": 0.384,
    "p4d.24xlarge": 21.957642, "p5.4xlarge": 6.88, "p5.48xlarge": 55.04,
    "t3.micro": 0.0104, "t3.small": 0.0208, "t3.medium": 0.0416, "t3.large": 0.0832,
    "t3.xlarge": 0.1664, "t3.2xlarge": 0.3328,
    "t4g.micro": 0.0084, "t4g.small": 0.0168, "t4g.medium": 0.0336, "t4g.large": 0.0672,
}  # fmt: skip


@dataclass
class Settings:
    """Defaults: one that works at once, with everything in stock. All times are seconds."""

    #: What DescribeRegions tells.
    regions: tuple[str, ...] = ("us-east-1", "us-west-2", "eu-west-1")
    #: How long an instance stays in each state on its way (machines may take longer).
    pending_seconds: float = 0.02
    shutting_down_seconds: float = 0.02
    stopping_seconds: float = 0.02
    #: From `running` until the status checks are `ok`, where there is no machine.
    initializing_seconds: float = 0.0
    #: Eventual consistency: a new instance is unknown for so long...
    #: https://docs.aws.amazon.com/ec2/latest/devguide/eventual-consistency.html
    visible_after_seconds: float = 0.0
    #: ...and to so many calls that look for it.
    hidden_from_calls: int = 0
    #: The same for security groups, again in calls.
    groups_hidden_from_calls: int = 0
    #: vCPUs by quota code where they differ from `quota_default`.
    quotas: dict[str, float] = field(default_factory=dict)
    quota_default: float = 2000
    #: Pairs of type and zone (either may be "*") that have no capacity now.
    no_capacity: set[tuple[str, str]] = field(default_factory=set)
    #: Pairs of type and zone (either may be "*") where AWS doesn't offer the type at all.
    not_offered: set[tuple[str, str]] = field(default_factory=set)
    prices: dict[str, float] = field(default_factory=lambda: dict(PRICES))
    #: What spot costs, as a part of the price on demand.
    spot_share: float = 0.35
    #: Patterns such as `ec2:RunInstances` or `pricing:*` that the credentials may not do.
    denied: set[str] = field(default_factory=set)
    #: An IAM policy document: then only what it allows may be done.
    policy: Mapping[str, object] | None = None

    def be_a_fresh_account(self) -> None:
        """Quotas as in an account that nobody asked to raise them for."""
        self.quota_default = 0
        self.quotas = dict(FRESH_ACCOUNT)
