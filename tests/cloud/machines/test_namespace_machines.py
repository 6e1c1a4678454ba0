"""Instances of the tests' cloud with namespace hosts behind them, over the API and SSH alone."""

from __future__ import annotations

import socket
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest

from provisioning.fleet import Address
from provisioning.ssh.connection import connect
from provisioning.ssh.errors import ConnectionLost, SshError
from provisioning.ssh.keys import new_key_pair
from provisioning.ssh.login import Login
from tests.cloud.cloud import Cloud
from tests.cloud.machines.namespaces import NamespaceMachines

HOST_KEY = new_key_pair("host")
USER_KEY = new_key_pair("user")
USER_DATA = "\n".join(
    (
        "#cloud-config",
        "ssh_keys:",
        "  ed25519_private: |",
        *(f"    {line}" for line in HOST_KEY.private.splitlines()),
        f"  ed25519_public: {HOST_KEY.public}",
        "runcmd: [echo user-data was here]",
    )
)


@pytest.fixture(scope="module")
def machines():
    return NamespaceMachines()


@pytest.fixture(scope="module")
def cloud_server(machines):
    """One cloud with machines for this module; its account is made fresh for each test."""
    with Cloud(machines=machines) as cloud:
        yield cloud


@pytest.fixture
def key_file(tmp_path, ec2):
    ec2.import_key_pair(KeyName="k", PublicKeyMaterial=USER_KEY.public.encode())
    file = tmp_path / "key"
    file.touch(mode=0o600)
    file.write_text(USER_KEY.private)
    return file


@pytest.fixture
def rule(machines):
    """SSH from here."""
    ranges = [{"CidrIp": f"{machines.controller}/32"}]
    return {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": ranges}


@pytest.fixture
def group(ec2, rule):
    made = ec2.create_security_group(GroupName="g", Description="g")["GroupId"]
    ec2.authorize_security_group_ingress(GroupId=made, IpPermissions=[rule])
    return made


@pytest.fixture
def launch_one(launch, group, key_file):
    """An instance that lets us in, with the user-data above unless another is given."""

    def run(**parameters):
        usual = {"KeyName": "k", "UserData": USER_DATA, "SecurityGroupIds": [group]}
        return launch(**{**usual, **parameters})

    return run


@pytest.fixture
def until(describe):
    def wait(instance_id, state):
        deadline = time.monotonic() + 60
        while (told := describe(instance_id))["State"]["Name"] != state:
            assert time.monotonic() < deadline, f"{told} is not {state}"
            time.sleep(0.2)
        return told

    return wait


@pytest.fixture
def reach(until, key_file):
    """A connection to the running instance."""

    def log_in(instance_id):
        address = Address(until(instance_id, "running")["PublicIpAddress"])
        return connect(Login(address, key_file, (HOST_KEY.public,)), seconds=20)

    return log_in


@pytest.fixture
def answer(reach):
    """What a command says on the running instance, over SSH, as soon as it can be asked."""

    def ask(instance_id, command):
        deadline = time.monotonic() + 60
        while True:
            try:
                with reach(instance_id) as connection:
                    return connection.run(command, seconds=30).stdout.decode().strip()
            except SshError:
                assert time.monotonic() < deadline
                time.sleep(0.2)

    return ask


def test_an_instance_has_the_imported_key_its_host_key_and_its_user_data(launch_one, answer, ec2):
    (instance_id,) = launch_one()

    name = answer(instance_id, "cloud-init status --wait >&2; hostname")

    assert name.startswith("ip-10-")
    console = ec2.get_console_output(InstanceId=instance_id)["Output"]
    assert "user-data was here" in console


def test_stop_keeps_the_disk_and_start_gives_another_address(launch_one, answer, ec2, until):
    (instance_id,) = launch_one()
    answer(instance_id, "echo kept > /opt/kept")
    before = until(instance_id, "running")

    ec2.stop_instances(InstanceIds=[instance_id])
    until(instance_id, "stopped")
    ec2.start_instances(InstanceIds=[instance_id])

    assert answer(instance_id, "cat /opt/kept") == "kept"
    after = until(instance_id, "running")
    assert after["PublicIpAddress"] != before["PublicIpAddress"]
    assert after["PrivateIpAddress"] == before["PrivateIpAddress"]


def test_a_terminated_instance_is_gone_from_the_network(launch_one, answer, ec2, until, machines):
    (instance_id,) = launch_one()
    answer(instance_id, "true")
    address = until(instance_id, "running")["PublicIpAddress"]

    ec2.terminate_instances(InstanceIds=[instance_id])
    until(instance_id, "terminated")

    with pytest.raises(TimeoutError):
        socket.create_connection((address, 22), timeout=0.5)
    assert machines.state(instance_id) == "off"


def test_a_host_that_shuts_itself_down_ends_its_instance(launch_one, answer, reach, until):
    (instance_id,) = launch_one(InstanceInitiatedShutdownBehavior="terminate")
    answer(instance_id, "true")
    with reach(instance_id) as connection, suppress(ConnectionLost):  # the answer may be cut off
        connection.run("poweroff", seconds=30)

    until(instance_id, "terminated")


def test_security_groups_let_in_only_what_they_name(launch_one, answer, ec2, until, group, rule):
    (instance_id,) = launch_one()
    answer(
        instance_id,
        "nohup python3 -m http.server 8000 > /dev/null 2>&1 & "
        "until bash -c ': < /dev/tcp/127.0.0.1/8000' 2> /dev/null; do sleep 0.02; done",
    )
    address = until(instance_id, "running")["PublicIpAddress"]

    with pytest.raises(TimeoutError):
        socket.create_connection((address, 8000), timeout=0.5)
    ec2.authorize_security_group_ingress(
        GroupId=group, IpPermissions=[{**rule, "FromPort": 8000, "ToPort": 8000}]
    )

    socket.create_connection((address, 8000), timeout=30).close()
    assert answer(instance_id, "echo ssh goes on") == "ssh goes on"


def test_a_gpu_type_has_its_gpus_and_another_has_none(launch_one, answer):
    (gpu,) = launch_one(InstanceType="g4dn.12xlarge")
    (plain,) = launch_one()

    names = answer(gpu, "nvidia-smi --query-gpu=name --format=csv,noheader").splitlines()
    assert [name.split()[-1] for name in names] == ["T4"] * 4
    assert answer(plain, "command -v nvidia-smi || echo none") == "none"


def test_eight_instances_are_eight_hosts(launch_one, answer):
    instances = launch_one(MinCount=8, MaxCount=8)

    with ThreadPoolExecutor(8) as pool:
        names = list(pool.map(lambda one: answer(one, "hostname"), instances))

    assert len(set(names)) == 8


def test_user_data_that_the_stand_in_does_not_know_ends_the_instance(launch_one, until):
    (instance_id,) = launch_one(UserData="#cloud-config\npackages: [htop]\n")

    assert until(instance_id, "terminated")["StateReason"]["Code"] == "Server.InternalError"
