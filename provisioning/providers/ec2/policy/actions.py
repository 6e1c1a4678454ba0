"""What the code calls, by what it is for. A test compares this with the calls that were made.

Which actions can be limited to tagged resources, and to which kinds of them:
https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonec2.html
"""

from __future__ import annotations

from typing import Final

#: Change nothing. EC2's Describe actions know no resources, so they are allowed on everything.
LOOK: Final = (
    "ec2:DescribeAddresses",
    "ec2:DescribeImages",
    "ec2:DescribeInstances",
    "ec2:DescribeInstanceTypeOfferings",
    "ec2:DescribeInstanceTypes",
    "ec2:DescribeKeyPairs",
    "ec2:DescribeLaunchTemplates",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeRegions",
    "ec2:DescribeSecurityGroups",
    "ec2:DescribeSnapshots",
    "ec2:DescribeSpotInstanceRequests",
    "ec2:DescribeSubnets",
    "ec2:DescribeTags",
    "ec2:DescribeVolumes",
    "ec2:DescribeVpcs",
    "servicequotas:GetAWSDefaultServiceQuota",
    "servicequotas:GetServiceQuota",
)

#: The ids of public images. Parameters of the account itself may be secrets: not those.
PARAMETERS: Final = ("ssm:GetParameters",)

#: Make things; each must carry the workshop's tag from its first moment.
MAKE: Final = {
    "ec2:RunInstances": ("instance", "network-interface", "spot-instances-request", "volume"),
    "ec2:CreateSecurityGroup": ("security-group",),
    "ec2:ImportKeyPair": ("key-pair",),
}

#: Resources that the same calls use, but don't make: anybody's, and the workshop's own.
USE: Final = {
    "ec2:RunInstances": ("image", "subnet"),
    "ec2:CreateSecurityGroup": ("vpc",),
}
USE_OWN: Final = {"ec2:RunInstances": ("key-pair", "security-group")}

#: Change or end things that carry the workshop's tag.
OWN: Final = (
    "ec2:AuthorizeSecurityGroupIngress",
    "ec2:CancelSpotInstanceRequests",
    "ec2:DeleteKeyPair",
    "ec2:DeleteLaunchTemplate",
    "ec2:DeleteNetworkInterface",
    "ec2:DeleteSecurityGroup",
    "ec2:DeleteSnapshot",
    "ec2:DeleteVolume",
    "ec2:DeregisterImage",
    "ec2:DetachNetworkInterface",
    "ec2:DisassociateAddress",
    "ec2:GetConsoleOutput",
    "ec2:ReleaseAddress",
    "ec2:RevokeSecurityGroupEgress",
    "ec2:RevokeSecurityGroupIngress",
    "ec2:StartInstances",
    "ec2:StopInstances",
    "ec2:TerminateInstances",
)

#: What the workshop's interface or address hangs on when it is taken off; it may be anybody's.
TAKEN_OFF: Final = {
    "ec2:DetachNetworkInterface": ("instance",),
    "ec2:DisassociateAddress": ("network-interface",),
}
