"""What RunInstances checks and makes: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_RunInstances.html"""

import base64

import pytest

from tests.cloud.images import IMAGES


def test_as_many_instances_as_the_quota_has_room_for(cloud, launch, code_of):
    cloud.settings.quotas["L-1216C47A"] = 5

    assert len(launch(MinCount=1, MaxCount=3)) == 2
    assert code_of(launch) == "VcpuLimitExceeded"


def test_ended_instances_give_their_quota_back(slow, ec2, launch, code_of):
    slow.settings.quotas["L-1216C47A"] = 2
    first = launch()
    ec2.terminate_instances(InstanceIds=first)
    assert code_of(launch) == "VcpuLimitExceeded"  # it is still shutting down

    slow.advance(61)

    assert launch() != first


def test_spot_has_a_quota_of_its_own(cloud, launch, code_of):
    cloud.settings.be_a_fresh_account()
    gpu = {"InstanceType": "g4dn.xlarge"}

    assert code_of(launch, **gpu) == "VcpuLimitExceeded"
    spot = {**gpu, "InstanceMarketOptions": {"MarketType": "spot"}}
    assert code_of(launch, **spot) == "MaxSpotInstanceCountExceeded"


@pytest.mark.parametrize("instance_type", ["a1.large", "c7g.large"])
def test_type_and_image_must_have_one_architecture(launch, code_of, instance_type):
    assert code_of(launch, InstanceType=instance_type) == "InvalidParameterValue"
    arm = next(image for image in IMAGES if image.architecture == "arm64")
    assert launch(InstanceType=instance_type, ImageId=arm.id("us-east-1"))


def test_p3_is_not_known_any_more(launch, ec2, code_of):
    assert code_of(launch, InstanceType="p3.2xlarge") == "InvalidParameterValue"
    types = {"InstanceTypes": ["p3.2xlarge"]}
    assert code_of(ec2.describe_instance_types, **types) == "InvalidInstanceType"


def test_a_type_is_refused_in_a_zone_that_does_not_offer_it(cloud, launch, code_of):
    assert code_of(launch, Placement={"AvailabilityZone": "us-east-1e"}) == "Unsupported"
    cloud.settings.not_offered.add(("t3.large", "us-east-1b"))
    assert code_of(launch, Placement={"AvailabilityZone": "us-east-1b"}) == "Unsupported"


def test_capacity_may_lack_in_one_zone_alone(cloud, launch, code_of):
    cloud.settings.no_capacity.add(("t3.large", "us-east-1a"))
    here, there = ({"Placement": {"AvailabilityZone": f"us-east-1{zone}"}} for zone in "ab")

    assert code_of(launch, **here) == "InsufficientInstanceCapacity"
    assert launch(**there)


@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        ({"ImageId": "ami-00000000000000000"}, "InvalidAMIID.NotFound"),
        ({"KeyName": "nobody"}, "InvalidKeyPair.NotFound"),
        ({"SubnetId": "subnet-00000000"}, "InvalidSubnetID.NotFound"),
        ({"SecurityGroupIds": ["sg-00000000"]}, "InvalidGroup.NotFound"),
        ({"UserData": "x" * 16385}, "InvalidParameterValue"),
        (
            {"BlockDeviceMappings": [{"DeviceName": "/dev/sda1", "Ebs": {"VolumeSize": 1}}]},
            "InvalidBlockDeviceMapping",
        ),
    ],
)
def test_what_is_not_there_or_too_big_is_refused(launch, code_of, parameters, code):
    assert code_of(launch, **parameters) == code


def test_user_data_reads_back_as_it_was_written(ec2, launch):
    (instance_id,) = launch(UserData="#cloud-config\n# ä\n")

    told = ec2.describe_instance_attribute(InstanceId=instance_id, Attribute="userData")

    assert base64.b64decode(told["UserData"]["Value"]).decode() == "#cloud-config\n# ä\n"


def test_everything_made_is_tagged_in_the_create_call(cloud, launch):
    kinds = ("instance", "volume", "network-interface", "spot-instances-request")
    tags = [{"ResourceType": kind, "Tags": [{"Key": "k", "Value": kind}]} for kind in kinds]

    launch(InstanceMarketOptions={"MarketType": "spot"}, TagSpecifications=tags)

    assert {left.kind: left.tags["k"] for left in cloud.inventory()} == {
        "instance": "instance",
        "volume": "volume",
        "network-interface": "network-interface",
        "spot-request": "spot-instances-request",
    }


def test_nothing_is_left_of_an_ended_instance(slow, ec2, launch):
    disks = [{"DeviceName": "/dev/sda1", "Ebs": {"VolumeSize": 20, "VolumeType": "gp3"}}]
    ids = launch(BlockDeviceMappings=disks, InstanceMarketOptions={"MarketType": "spot"})

    ec2.terminate_instances(InstanceIds=ids)

    assert slow.inventory()
    slow.advance(61)
    assert slow.inventory() == ()


def test_a_volume_that_shall_stay_stays(cloud, ec2, launch):
    kept = {"VolumeSize": 20, "DeleteOnTermination": False}
    ids = launch(BlockDeviceMappings=[{"DeviceName": "/dev/sda1", "Ebs": kept}])
    ec2.terminate_instances(InstanceIds=ids)
    cloud.advance(1)

    assert [(left.kind, left.state) for left in cloud.inventory()] == [("volume", "available")]


def test_metadata_options_are_as_asked(launch, describe):
    (instance_id,) = launch(MetadataOptions={"HttpTokens": "required"})

    told = describe(instance_id)["MetadataOptions"]

    assert (told["HttpTokens"], told["HttpPutResponseHopLimit"]) == ("required", 1)
