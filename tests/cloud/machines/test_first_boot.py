"""A namespace host boots with its user-data in the order of a real cloud-init."""

from __future__ import annotations

import json
import math
import time
from datetime import UTC, datetime, timedelta

import pytest
import yaml

from provisioning.providers.ec2.user_data import FirstBoot, user_data
from provisioning.ssh.keys import new_key_pair
from tests.cloud.machines.namespace_host import HostWish
from tests.cloud.machines.user_data import read_user_data


@pytest.fixture
def booted(yard, request):
    """A host that boots with this user-data, and is thrown away."""
    made = []

    def boot(content):
        name = f"{request.node.originalname[5:30]}-{len(made)}".replace("_", "-")
        host = yard.make(HostWish(name, read_user_data(content)))
        made.append(host)
        host.power_on()
        host.wait("up", seconds=60)
        return host

    yield boot
    for host in made:
        host.throw_away()


def cloud_config(**keys):
    return ("#cloud-config\n" + yaml.safe_dump(keys)).encode()


def finished(host):
    return json.loads(host.inside("cloud-init status --wait --format json || true"))


def test_user_data_is_done_as_root_before_cloud_init_says_done(booted):
    host = booted(
        cloud_config(
            hostname="gpu-07",
            write_files=[{"path": "/opt/a/b", "content": "text", "permissions": "0600"}],
            bootcmd=["echo early > /opt/early"],
            runcmd=["id -u > /opt/late", "ls /opt >> /opt/late", "echo seen on the console"],
        )
    )

    assert finished(host)["status"] == "done"
    assert host.inside("hostname; cat /opt/late").split() == ["gpu-07", "0", "a", "early", "late"]
    assert host.inside("stat -c '%a %U' /opt/a/b; cat /opt/a/b") == "600 root\ntext"
    assert "seen on the console" in host.console()
    assert "seen on the console" in host.inside("cat /var/log/cloud-init-output.log")


def test_ssh_answers_while_the_last_commands_still_run(booted):
    host = booted(cloud_config(runcmd=["while [ ! -e /opt/go ]; do sleep 0.02; done"]))

    assert host.state == "up"
    assert host.inside("cloud-init status") == "status: running\n"
    host.inside("touch /opt/go")
    assert finished(host)["status"] == "done"


def test_a_failed_command_is_an_error_of_cloud_init(booted):
    host = booted(cloud_config(runcmd=["false"]))

    assert finished(host)["status"] == "error"
    with pytest.raises(RuntimeError, match="ended with 1"):
        host.inside("cloud-init status --wait")


def test_what_belongs_to_the_first_boot_is_not_repeated(booted):
    host = booted(
        cloud_config(bootcmd=["echo boot >> /opt/count"], runcmd=["echo first >> /opt/count"])
    )
    finished(host)
    key = host.host_key

    host.reboot()
    host.wait("up", seconds=60)

    finished(host)
    assert host.inside("cat /opt/count").split() == ["boot", "first", "boot"]
    assert host.host_key == key


def product_user_data(deadline):
    pair = new_key_pair("bootstrap")
    return pair, user_data(FirstBoot("gpu-01", pair.private, pair.public, deadline)).encode()


def test_the_products_user_data_gives_the_host_key_the_timer_and_the_metadata_rule(booted):
    pair, content = product_user_data(datetime.now(UTC) + timedelta(hours=8))

    host = booted(content)

    assert finished(host)["status"] == "done"
    assert host.host_key.split()[:2] == pair.public.split()[:2]
    assert host.inside("ls /etc/ssh/ssh_host_*").split() == [
        "/etc/ssh/ssh_host_ed25519_key",
        "/etc/ssh/ssh_host_ed25519_key.pub",
    ]
    assert host.inside("systemctl is-active workshop-deadline.timer") == "active\n"
    assert "169.254.169.254" in host.inside("nft list ruleset")
    assert "workshop-deadline" in host.inside(
        "cat /opt/workshop/user-data-done && ls /etc/systemd/system"
    )


def test_the_products_deadline_can_be_moved_survives_a_reboot_and_powers_off(booted):
    _, content = product_user_data(datetime.now(UTC) + timedelta(hours=1))
    began = time.monotonic()
    host = booted(content)
    finished(host)
    # Still to come when the second boot starts the timer: one that is over never fires.
    left = 4 + math.ceil(5 * (time.monotonic() - began))
    soon = datetime.now(UTC) + timedelta(seconds=left)
    host.inside(
        f"sed -i 's/^OnCalendar=.*/OnCalendar={soon:%Y-%m-%d %H:%M:%S} UTC/' "
        "/etc/systemd/system/workshop-deadline.timer && systemctl daemon-reload && "
        "systemctl restart workshop-deadline.timer"
    )

    host.reboot()
    host.wait("up", seconds=60)

    host.wait("off", seconds=60 + left)
