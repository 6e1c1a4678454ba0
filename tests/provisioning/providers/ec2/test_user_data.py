import shutil
import subprocess
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
import yaml

from provisioning.deadline_timer import TIMER_FILE, deadline_timer
from provisioning.providers.ec2.user_data import (
    MOST_BYTES,
    FirstBoot,
    UserDataTooBig,
    user_data,
)
from provisioning.ssh.keys import new_key_pair

KEY = new_key_pair("")
FACTS = FirstBoot("gpu-03", KEY.private, KEY.public, datetime(2026, 11, 22, 5, 0, tzinfo=UTC))


def config() -> dict[str, Any]:
    text = user_data(FACTS)
    # The first line makes it cloud-config:
    # https://cloudinit.readthedocs.io/en/latest/explanation/format.html
    assert text.startswith("#cloud-config\n")
    read: dict[str, Any] = yaml.safe_load(text)
    return read


def file(path: str) -> str:
    (found,) = [one["content"] for one in config()["write_files"] if one["path"] == path]
    return str(found)


def test_our_host_key_is_the_only_one() -> None:
    # https://cloudinit.readthedocs.io/en/latest/reference/modules.html#ssh
    read = config()
    assert read["ssh_keys"] == {"ed25519_private": KEY.private, "ed25519_public": KEY.public}
    assert read["ssh_deletekeys"] is True
    assert "ssh_genkeytypes" not in read  # cloud-init accepts no empty list
    sshd = file("/etc/ssh/sshd_config.d/10-workshop.conf")
    assert sshd.splitlines()[0] == "HostKey /etc/ssh/ssh_host_ed25519_key"


def test_the_same_facts_give_the_same_bytes() -> None:
    # A repeated request under one token must not differ.
    assert user_data(FACTS) == user_data(replace(FACTS))


def test_it_is_far_below_what_aws_takes() -> None:
    assert len(user_data(FACTS).encode()) < MOST_BYTES / 2


def test_too_much_is_refused_before_aws_is_asked() -> None:
    with pytest.raises(UserDataTooBig, match="gpu-03 has"):
        user_data(replace(FACTS, host_key_private="x" * MOST_BYTES))


def test_nothing_comes_from_the_network() -> None:
    assert not {"packages", "package_update", "apt", "snap"} & config().keys()
    assert "http" not in user_data(FACTS)


def test_the_private_key_is_not_shown_in_a_traceback() -> None:
    assert "PRIVATE" not in repr(FACTS)


def test_the_deadline_is_an_absolute_time_in_utc() -> None:
    summer = datetime(2026, 7, 1, 18, 30, tzinfo=timezone(timedelta(hours=2)))
    assert "OnCalendar=2026-07-01 16:30:00 UTC\n" in deadline_timer(summer)
    assert file(TIMER_FILE) == deadline_timer(FACTS.deadline)


def test_systemd_understands_the_time_and_the_units(tmp_path: Path) -> None:
    analyze = shutil.which("systemd-analyze")
    assert analyze, "install systemd, which has systemd-analyze"
    calendar = [analyze, "calendar", "--base-time=2026-11-21 00:00:00 UTC"]
    told = subprocess.run(
        [*calendar, "2026-11-22 05:00:00 UTC"], capture_output=True, text=True, check=True
    )
    assert "2026-11-22 05:00:00 UTC" in told.stdout
    for one in config()["write_files"]:
        if one["path"].startswith("/etc/systemd/system/"):
            (tmp_path / Path(one["path"]).name).write_text(one["content"])
    units = sorted(tmp_path.iterdir())
    assert [unit.name for unit in units] == [
        "workshop-deadline.service",
        "workshop-deadline.timer",
        "workshop-metadata.service",
    ]
    subprocess.run([analyze, "verify", "--man=no", *units], capture_output=True, check=True)


@pytest.mark.parametrize(
    ("line", "powers_off"),
    [
        ("OnCalendar=2020-01-01 00:00:00 UTC", True),
        ("OnCalendar=2199-01-01 00:00:00 UTC", False),
        ("OnCalendar=whenever", True),
        ("", True),
    ],
)
def test_the_deadline_ends_the_host_once_it_has_come_or_cannot_be_read(
    tmp_path: Path, line: str, powers_off: bool
) -> None:
    timer = tmp_path / "timer"
    timer.write_text(f"[Timer]\n{line}\nOnBootSec=30min\n")
    script = file("/usr/local/lib/workshop/deadline").replace(TIMER_FILE, str(timer))
    done = tmp_path / "powered-off"
    (tmp_path / "systemctl").write_text(f"#!/bin/sh\necho $1 >{done}\n")
    (tmp_path / "systemctl").chmod(0o755)
    path = f"{tmp_path}:/usr/bin:/bin"
    subprocess.run(["/bin/sh", "-c", script], env={"PATH": path}, check=True, capture_output=True)
    assert done.exists() == powers_off


def test_every_script_is_posix_shell() -> None:
    scripts = [
        one["content"] for one in config()["write_files"] if one["content"].startswith("#!/bin/sh")
    ]
    assert len(scripts) == 3
    for script in scripts:
        subprocess.run(["/bin/sh", "-n"], input=script.encode(), check=True)


def test_the_last_thing_done_is_to_say_so() -> None:
    # If arming the deadline fails, the script ends before: the host never looks ready.
    lines = file("/usr/local/lib/workshop/first-boot").splitlines()
    assert lines[1] == "set -eu"
    arming = lines.index("  systemctl enable --now workshop-deadline.timer")
    assert arming < lines.index("touch /opt/workshop/user-data-done")
    assert config()["runcmd"] == ["sh /usr/local/lib/workshop/first-boot"]


# In a network of its own: the address of the metadata is on its loopback, with a server on it.
# What Python needs it reads before it is nobody, who can't enter every folder.
_ASK = """\
import encodings.idna, os, socket, sys
with socket.create_server(("169.254.169.254", 80)):
    if sys.argv[1] != "0":
        os.setuid(int(sys.argv[1]))
    try:
        socket.create_connection(("169.254.169.254", 80), timeout=3).close()
        print("answered")
    except OSError as error:
        print(type(error).__name__)
"""


@pytest.mark.parametrize(("uid", "outcome"), [("0", "answered"), ("65534", "ConnectionRefused")])
def test_only_root_reaches_the_metadata(tmp_path: Path, uid: str, outcome: str) -> None:
    script = tmp_path / "metadata"
    script.write_text(file("/usr/local/lib/workshop/metadata"))
    ask = tmp_path / "ask"
    ask.write_text(_ASK)
    # Twice, as a restarted service does.
    steps = f"""\
set -eu
ip link set lo up
ip address add 169.254.169.254/32 dev lo
sh {script}
sh {script}
python3 {ask} {uid}
"""
    told = subprocess.run(
        ["unshare", "--net", "/bin/sh", "-c", steps], capture_output=True, text=True, timeout=60
    )
    assert (told.stderr, told.returncode) == ("", 0)
    assert outcome in told.stdout
