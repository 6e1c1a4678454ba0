"""An instance follows the machine behind it."""

import time

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.cloud.cloud import Cloud
from tests.cloud.machines_protocol import Addresses, OpenPort


class PaperMachines:
    """Remembers what it was asked for; a machine is a state in a table."""

    def __init__(self):
        self.wishes = {}
        self.states = {}
        self.ports = {}
        self.asked = []
        self.fail = False
        self.closed = False

    def boot(self, wish):
        if self.fail:
            raise OSError("no memory")
        self.wishes[wish.instance_id] = wish
        self.states[wish.instance_id] = "booting"
        return Addresses("198.51.100.1", "10.77.0.1")

    def state(self, instance_id):
        return self.states[instance_id]

    def stop(self, instance_id):
        self.states[instance_id] = "off"

    def start(self, instance_id):
        self.states[instance_id] = "up"
        return Addresses("198.51.100.2", "10.77.0.1")

    def reboot(self, instance_id):
        self.asked.append(("reboot", instance_id))

    def terminate(self, instance_id):
        self.states.pop(instance_id, None)

    def console(self, instance_id):
        return "Welcome to the paper machine"

    def open_ports(self, instance_id, ports):
        self.ports[instance_id] = ports

    def close(self):
        self.closed = True


def new_public_key():
    public = Ed25519PrivateKey.generate().public_key()
    return public.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)


@pytest.fixture
def machines():
    return PaperMachines()


@pytest.fixture
def cloud_server(machines):
    """Instead of the shared server: one with machines."""
    with Cloud(machines=machines) as cloud:
        cloud.reset = lambda settings=None: None  # it is fresh
        yield cloud
    assert machines.closed


@pytest.fixture
def until(cloud, ec2):
    def wait(instance_id, state):
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            found = ec2.describe_instances(InstanceIds=[instance_id])["Reservations"][0]
            if found["Instances"][0]["State"]["Name"] == state:
                return found["Instances"][0]
            time.sleep(0.01)
        pytest.fail(f"{instance_id} did not become {state}")

    return wait


def test_an_instance_is_where_its_machine_is(machines, ec2, launch, until):
    key = new_public_key()
    ec2.import_key_pair(KeyName="k", PublicKeyMaterial=key)
    (instance_id,) = launch(InstanceType="t3.large", UserData="#!/bin/sh\n", KeyName="k")

    told = until(instance_id, "running")

    assert (told["PublicIpAddress"], told["PrivateIpAddress"]) == ("198.51.100.1", "10.77.0.1")
    wish = machines.wishes[instance_id]
    assert wish.user_data == b"#!/bin/sh\n"
    assert wish.authorized_keys == (key.decode(),)
    assert wish.gpus == ()
    assert (wish.architecture, wish.disk_gb) == ("x86_64", 8)


def test_status_checks_are_the_machines_own(machines, ec2, launch, until):
    (instance_id,) = launch()
    until(instance_id, "running")

    def status():
        told = ec2.describe_instance_status(InstanceIds=[instance_id])["InstanceStatuses"]
        return told[0]["InstanceStatus"]["Status"]

    assert status() == "initializing"
    machines.states[instance_id] = "up"
    time.sleep(0.25)  # it is asked a few times a second only
    assert status() == "ok"


def test_stop_and_start_give_another_public_address(machines, ec2, launch, until):
    (instance_id,) = launch()
    until(instance_id, "running")
    ec2.stop_instances(InstanceIds=[instance_id])
    assert "PublicIpAddress" not in until(instance_id, "stopped")
    assert machines.states[instance_id] == "off"

    ec2.start_instances(InstanceIds=[instance_id])

    assert until(instance_id, "running")["PublicIpAddress"] == "198.51.100.2"


def test_an_ended_instance_has_no_machine(machines, cloud, ec2, launch, until):
    (instance_id,) = launch()
    ec2.terminate_instances(InstanceIds=[instance_id])

    until(instance_id, "terminated")

    assert machines.states == {}
    assert cloud.inventory() == ()


def test_a_machine_that_powers_itself_off_ends_its_instance(machines, launch, until):
    (instance_id,) = launch(InstanceInitiatedShutdownBehavior="terminate")
    until(instance_id, "running")

    machines.states[instance_id] = "off"

    told = until(instance_id, "terminated")
    assert told["StateReason"]["Code"] == "Client.InstanceInitiatedShutdown"


def test_an_instance_without_a_machine_to_be_had_is_terminated(machines, launch, until):
    machines.fail = True
    (instance_id,) = launch()

    assert until(instance_id, "terminated")["StateReason"]["Code"] == "Server.InternalError"


def test_console_and_reboot_reach_the_machine(machines, ec2, launch, until):
    (instance_id,) = launch()
    until(instance_id, "running")

    assert "paper" in ec2.get_console_output(InstanceId=instance_id)["Output"]
    ec2.reboot_instances(InstanceIds=[instance_id])
    deadline = time.monotonic() + 10
    while not machines.asked and time.monotonic() < deadline:
        time.sleep(0.01)
    assert machines.asked == [("reboot", instance_id)]


def test_a_machine_is_told_which_ports_are_open(machines, ec2, launch, until):
    group = ec2.create_security_group(GroupName="g", Description="g")["GroupId"]
    rules = [
        {
            "IpProtocol": "tcp",
            "FromPort": 22,
            "ToPort": 22,
            "IpRanges": [{"CidrIp": "192.0.2.0/24"}],
        },
        {"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": group}]},
    ]
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=rules)
    (instance_id,) = launch(SecurityGroupIds=[group])
    until(instance_id, "running")
    until(instance_id, "running")

    expected = (
        OpenPort(0, 65535, "10.77.0.1/32"),
        OpenPort(0, 65535, "198.51.100.1/32"),
        OpenPort(22, 22, "192.0.2.0/24"),
    )
    deadline = time.monotonic() + 10
    while machines.ports.get(instance_id) != expected and time.monotonic() < deadline:
        time.sleep(0.01)
    assert machines.ports.get(instance_id) == expected
