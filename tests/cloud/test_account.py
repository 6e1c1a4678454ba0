"""Groups, quotas, prices, parameters, regions: what moto lacks or is too kind about."""

import json
import threading
import time

from tests.cloud import faults
from tests.cloud.api_call import Call
from tests.cloud.call_log import CallLog
from tests.cloud.images import parameter_values


def make_group(ec2, name):
    return ec2.create_security_group(GroupName=name, Description=name)["GroupId"]


def test_a_group_in_use_by_an_instance_cannot_be_deleted(slow, ec2, launch, code_of):
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DeleteSecurityGroup.html"""
    group = make_group(ec2, "one")
    ids = launch(SecurityGroupIds=[group])
    assert code_of(ec2.delete_security_group, GroupId=group) == "DependencyViolation"
    ec2.terminate_instances(InstanceIds=ids)
    assert code_of(ec2.delete_security_group, GroupId=group) == "DependencyViolation"

    slow.advance(61)

    ec2.delete_security_group(GroupId=group)
    assert slow.inventory() == ()


def test_a_group_that_another_one_names_cannot_be_deleted(ec2, code_of):
    group, other = make_group(ec2, "one"), make_group(ec2, "other")
    rule = {
        "IpProtocol": "tcp",
        "FromPort": 1,
        "ToPort": 2,
        "UserIdGroupPairs": [{"GroupId": group}],
    }
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[rule])
    ec2.authorize_security_group_ingress(GroupId=other, IpPermissions=[rule])
    assert code_of(ec2.delete_security_group, GroupId=group) == "DependencyViolation"

    ec2.revoke_security_group_ingress(GroupId=other, IpPermissions=[rule])

    ec2.delete_security_group(GroupId=group)


def test_a_group_of_an_interface_cannot_be_deleted(ec2, code_of):
    group = make_group(ec2, "one")
    subnet = ec2.describe_subnets()["Subnets"][0]["SubnetId"]
    ec2.create_network_interface(SubnetId=subnet, Groups=[group])

    assert code_of(ec2.delete_security_group, GroupId=group) == "DependencyViolation"


def test_quotas_are_told_and_kept(cloud, client):
    """https://docs.aws.amazon.com/ec2/latest/instancetypes/ec2-instance-quotas.html"""
    cloud.settings.be_a_fresh_account()
    quotas = client("service-quotas")

    def told(code):
        return quotas.get_service_quota(ServiceCode="ec2", QuotaCode=code)["Quota"]["Value"]

    assert {code: told(code) for code in ("L-1216C47A", "L-DB2E81BA", "L-417A185B")} == {
        "L-1216C47A": 5,
        "L-DB2E81BA": 0,
        "L-417A185B": 0,
    }
    pages = quotas.get_paginator("list_service_quotas").paginate(ServiceCode="ec2")
    listed = {one["QuotaCode"]: one["Value"] for page in pages for one in page["Quotas"]}
    assert listed["L-34B43A08"] == 5
    assert listed["L-3819A6DF"] == 0


def test_an_unknown_quota_is_refused(client, code_of):
    asked = {"ServiceCode": "ec2", "QuotaCode": "L-00000000"}

    assert code_of(client("service-quotas").get_service_quota, **asked) == "NoSuchResourceException"


def test_prices_are_told_by_type_and_region(client):
    """https://docs.aws.amazon.com/aws-cost-management/latest/APIReference/API_pricing_GetProducts.html"""
    wanted = {"instanceType": "g4dn.xlarge", "regionCode": "us-east-1", "tenancy": "Shared"}
    filters = [
        {"Type": "TERM_MATCH", "Field": name, "Value": value} for name, value in wanted.items()
    ]

    (product,) = client("pricing").get_products(ServiceCode="AmazonEC2", Filters=filters)[
        "PriceList"
    ]

    (term,) = json.loads(product)["terms"]["OnDemand"].values()
    (dimension,) = term["priceDimensions"].values()
    assert float(dimension["pricePerUnit"]["USD"]) == 0.526


def test_spot_costs_less_than_on_demand(ec2):
    history = ec2.describe_spot_price_history(
        InstanceTypes=["g4dn.xlarge"], ProductDescriptions=["Linux/UNIX"]
    )["SpotPriceHistory"]

    assert {one["SpotPrice"] for one in history} == {"0.184100"}
    assert "us-east-1a" in {one["AvailabilityZone"] for one in history}


def test_public_parameters_name_images_that_are_there(client, ec2):
    names = list(parameter_values("us-east-1"))[:9]
    told = client("ssm").get_parameters(Names=[*names, "/aws/service/nothing"])

    assert told["InvalidParameters"] == ["/aws/service/nothing"]
    ids = [one["Value"] for one in told["Parameters"]]
    images = ec2.describe_images(ImageIds=ids)["Images"]
    assert {image["ImageId"] for image in images} == set(ids)
    assert {image["State"] for image in images} == {"available"}


def test_offerings_are_told_without_what_a_test_took_away(cloud, ec2):
    cloud.settings.not_offered.add(("g4dn.xlarge", "us-east-1a"))

    offered = ec2.describe_instance_type_offerings(
        LocationType="availability-zone",
        Filters=[{"Name": "instance-type", "Values": ["g4dn.xlarge", "p3.2xlarge"]}],
    )["InstanceTypeOfferings"]

    assert {one["InstanceType"] for one in offered} == {"g4dn.xlarge"}
    zones = {one["Location"] for one in offered}
    assert "us-east-1a" not in zones
    assert "us-east-1b" in zones


def test_few_regions_are_enabled(ec2):
    told = ec2.describe_regions()["Regions"]

    assert [one["RegionName"] for one in told] == ["us-east-1", "us-west-2", "eu-west-1"]


def test_regions_know_nothing_of_each_other(cloud, ec2, launch, client):
    import boto3

    launch()

    elsewhere = boto3.client("ec2", region_name="us-west-2").describe_instances()

    assert elsewhere["Reservations"] == []
    assert {left.region for left in cloud.inventory()} == {"us-east-1"}


def test_a_reset_account_is_empty_and_forgets_its_faults(cloud, ec2, launch):
    launch()
    cloud.reset()

    assert cloud.inventory() == ()
    assert ec2.describe_instances()["Reservations"] == []
    assert cloud.calls.actions() == ["DescribeInstances"]


def test_a_call_under_way_belongs_to_the_account_before_the_reset(cloud, launch):
    arrived, go_on = threading.Event(), threading.Event()

    def held_up(name):
        arrived.set()
        return not go_on.wait(10)

    cloud.faults.add(action="RunInstances", effect=faults.CLOSED, when={"InstanceType": held_up})
    launching, resetting = threading.Thread(target=launch), threading.Thread(target=cloud.reset)
    launching.start()
    assert arrived.wait(10)
    resetting.start()
    time.sleep(0.05)  # a reset that doesn't wait is under way by now
    go_on.set()
    launching.join()
    resetting.join()

    assert cloud.instances() == []
    assert list(cloud.calls) == []


def test_an_answer_that_comes_after_the_log_was_cleared_is_not_another_calls():
    log = CallLog()
    before = log.arrived(Call("ec2", "us-east-1", "DescribeInstances", {}))
    log.clear()
    log.arrived(Call("ec2", "us-east-1", "DescribeVpcs", {}))

    log.ended(before, "ok")

    assert [(call.action, call.outcome) for call in log] == [("DescribeVpcs", "not answered yet")]


def test_tags_are_listed_under_the_names_of_aws_while_their_things_are_there(cloud, ec2, launch):
    tag = [{"Key": "k", "Value": "v"}]
    kinds = ("instance", "volume", "network-interface", "spot-instances-request")
    ids = launch(
        InstanceMarketOptions={"MarketType": "spot"},
        TagSpecifications=[{"ResourceType": kind, "Tags": tag} for kind in kinds],
    )
    ec2.allocate_address(
        Domain="vpc", TagSpecifications=[{"ResourceType": "elastic-ip", "Tags": tag}]
    )

    def kinds_listed():
        listed = ec2.describe_tags(Filters=[{"Name": "key", "Values": ["k"]}])["Tags"]
        return {one["ResourceType"] for one in listed}

    assert kinds_listed() == {*kinds, "elastic-ip"}
    ec2.terminate_instances(InstanceIds=ids)
    cloud.advance(1)
    # ended instances and closed requests stay listed for a while
    assert kinds_listed() == {"instance", "spot-instances-request", "elastic-ip"}


def test_a_key_pair_is_deleted_by_name_or_id_and_twice(cloud, ec2):
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DeleteKeyPair.html"""
    key = ec2.create_key_pair(KeyName="one")["KeyPairId"]
    ec2.create_key_pair(KeyName="two")

    ec2.delete_key_pair(KeyPairId=key)
    ec2.delete_key_pair(KeyPairId=key)
    ec2.delete_key_pair(KeyName="two")

    assert cloud.inventory() == ()
