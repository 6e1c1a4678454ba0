"""Policies are evaluated as in
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
"""

import pytest

TAG = {"Key": "workshop:name", "Value": "nlp"}
TAGGED = {"StringLike": {"aws:RequestTag/workshop:name": "*"}}
OURS = {"StringLike": {"aws:ResourceTag/workshop:name": "*"}}


def policy(*statements):
    return {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Resource": "*", **one} for one in statements],
    }


@pytest.fixture
def tagged():
    kinds = ("instance", "volume", "network-interface")
    return [{"ResourceType": kind, "Tags": [TAG]} for kind in kinds]


def test_a_denied_action_is_unauthorized(cloud, ec2, client, code_of):
    cloud.settings.denied |= {"ec2:Describe*", "pricing:*"}

    assert code_of(ec2.describe_instances) == "UnauthorizedOperation"
    products = client("pricing").get_products
    assert code_of(products, ServiceCode="AmazonEC2") == "AccessDeniedException"
    assert client("sts").get_caller_identity()["Account"] == cloud.account


def test_a_dry_run_tells_what_would_be_allowed_and_does_nothing(cloud, launch, code_of):
    assert code_of(launch, DryRun=True) == "DryRunOperation"
    assert cloud.inventory() == ()
    cloud.settings.denied.add("ec2:RunInstances")
    assert code_of(launch, DryRun=True) == "UnauthorizedOperation"


def test_what_a_policy_does_not_name_is_denied(cloud, ec2, code_of):
    cloud.settings.policy = policy({"Action": "ec2:DescribeInstances"})

    assert ec2.describe_instances()["Reservations"] == []
    assert code_of(ec2.describe_volumes) == "UnauthorizedOperation"


def test_a_deny_wins(cloud, ec2, code_of):
    cloud.settings.policy = policy(
        {"Action": "ec2:*"}, {"Action": ["ec2:DescribeVolumes"], "Effect": "Deny"}
    )

    assert code_of(ec2.describe_volumes) == "UnauthorizedOperation"


def test_tagging_in_the_create_call_needs_create_tags(cloud, launch, tagged, code_of):
    """https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/supported-iam-actions-tagging.html"""
    run = {"Action": "ec2:RunInstances"}
    cloud.settings.policy = policy(run)
    assert code_of(launch, TagSpecifications=tagged) == "UnauthorizedOperation"

    creating = {"StringEquals": {"ec2:CreateAction": ["RunInstances"]}}
    cloud.settings.policy = policy(run, {"Action": "ec2:CreateTags", "Condition": creating})

    assert launch(TagSpecifications=tagged)


def test_a_condition_on_tags_holds_for_each_thing_that_is_made(cloud, launch, tagged, code_of):
    makes = ["arn:aws:ec2:*:*:instance/*", "arn:aws:ec2:*:*:volume/*"]
    names = ["network-interface", "subnet", "security-group", "key-pair"]
    uses = [*(f"arn:aws:ec2:*:*:{kind}/*" for kind in names), "arn:aws:ec2:*::image/*"]
    cloud.settings.policy = policy(
        {"Action": "ec2:RunInstances", "Resource": makes, "Condition": TAGGED},
        {"Action": "ec2:RunInstances", "Resource": uses},
        {"Action": "ec2:CreateTags"},
    )

    assert launch(TagSpecifications=tagged)
    assert code_of(launch, TagSpecifications=tagged[:1]) == "UnauthorizedOperation"


def test_only_own_instances_may_be_ended(cloud, ec2, launch, tagged, code_of):
    ours, other = launch(TagSpecifications=tagged), launch()
    cloud.settings.policy = policy({"Action": "ec2:TerminateInstances", "Condition": OURS})

    assert code_of(ec2.terminate_instances, InstanceIds=other) == "UnauthorizedOperation"
    ec2.terminate_instances(InstanceIds=ours)


def test_only_own_keys_and_groups_may_be_deleted(cloud, ec2, code_of):
    ec2.create_key_pair(
        KeyName="ours", TagSpecifications=[{"ResourceType": "key-pair", "Tags": [TAG]}]
    )
    ec2.create_key_pair(KeyName="other")
    group = ec2.create_security_group(GroupName="other", Description="other")["GroupId"]
    cloud.settings.policy = policy({"Action": "ec2:Delete*", "Condition": OURS})

    assert code_of(ec2.delete_key_pair, KeyName="other") == "UnauthorizedOperation"
    assert code_of(ec2.delete_security_group, GroupId=group) == "UnauthorizedOperation"
    ec2.delete_key_pair(KeyName="ours")


def test_unknown_credentials_are_refused_in_the_words_of_each_service(cloud, code_of):
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html"""
    import boto3

    other = boto3.Session("AKIAOFSOMEBODYELSE0", "secret", region_name="us-east-1")

    assert code_of(other.client("ec2").describe_instances) == "AuthFailure"
    assert code_of(other.client("sts").get_caller_identity) == "InvalidClientTokenId"
