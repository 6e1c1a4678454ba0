"""Client tokens as in https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-idempotency.html"""


def test_the_same_request_launches_once(cloud, launch):
    assert launch(ClientToken="one") == launch(ClientToken="one")
    assert len(cloud.instances()) == 1


def test_other_parameters_under_the_same_token_are_refused(launch, code_of):
    launch(ClientToken="one")

    code = code_of(launch, ClientToken="one", InstanceType="t3.small")

    assert code == "IdempotentParameterMismatch"


def test_a_token_is_zonal_where_a_subnet_is_given(ec2, launch):
    subnets = [one["SubnetId"] for one in ec2.describe_subnets()["Subnets"]][:2]

    first, second = (launch(ClientToken="one", SubnetId=subnet) for subnet in subnets)

    assert first != second


def test_an_ended_instance_cannot_be_had_again_by_its_token(cloud, ec2, launch, code_of):
    ec2.terminate_instances(InstanceIds=launch(ClientToken="one"))

    assert code_of(launch, ClientToken="one") == "IdempotentInstanceTerminated"


def test_a_refused_request_leaves_its_token_free(cloud, launch, code_of):
    cloud.settings.no_capacity.add(("*", "*"))
    assert code_of(launch, ClientToken="one") == "InsufficientInstanceCapacity"

    cloud.settings.no_capacity.clear()

    assert launch(ClientToken="one")


def test_instances_are_found_by_their_token(ec2, launch):
    wanted, _other = launch(ClientToken="one"), launch(ClientToken="two")

    found = ec2.describe_instances(Filters=[{"Name": "client-token", "Values": ["one"]}])

    assert [one["InstanceId"] for one in found["Reservations"][0]["Instances"]] == wanted
    assert len(found["Reservations"]) == 1


def test_the_repeated_answer_tells_the_state_of_now(cloud, ec2, launch):
    launch(ClientToken="one")
    cloud.advance(1)
    request = cloud.calls.of("RunInstances")[0].call.parameters
    again = ec2.run_instances(
        ImageId=request["ImageId"],
        InstanceType="t3.large",
        MinCount=1,
        MaxCount=1,
        ClientToken="one",
    )

    assert again["Instances"][0]["State"]["Name"] == "running"
