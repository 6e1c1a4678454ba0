"""What a new host is told at its first boot, as cloud-config text (cloud-init's format).

It needs no package and no network. It holds one secret, the bootstrap host key, which is
worthless after the first contact: the host then has a key of its own making. So whoever reads
the user-data of a host that is ready learns nothing that helps.
https://cloudinit.readthedocs.io/en/latest/reference/modules.html
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import yaml

from provisioning.deadline_timer import TIMER_FILE, deadline_timer
from provisioning.errors import StepFailed

#: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-add-user-data.html
MOST_BYTES: Final = 16 * 1024
DONE_FILE: Final = "/opt/workshop/user-data-done"
HOST_KEY_FILE: Final = "/etc/ssh/ssh_host_ed25519_key"

_SCRIPTS = "/usr/local/lib/workshop"

_DEADLINE_SERVICE = f"""\
[Unit]
Description=End this host when the workshop's time is over
[Service]
Type=oneshot
ExecStart=/bin/sh {_SCRIPTS}/deadline
"""

# The timer's own line is the only place that knows the time. A line that can't be read counts
# as a time that has come. Powering off ends an instance whose shutdown behaviour is terminate.
_DEADLINE = f"""\
#!/bin/sh
at=$(sed -n 's/^OnCalendar=//p' {TIMER_FILE})
if [ "$(date +%s)" -lt "$(date -d "$at" +%s)" ]; then exit 0; fi
exec systemctl poweroff
"""

_METADATA_SERVICE = f"""\
[Unit]
Description=Let only root ask for the instance's metadata
After=network-pre.target
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh {_SCRIPTS}/metadata
[Install]
WantedBy=multi-user.target
"""

_METADATA = """\
#!/bin/sh
set -eu
if command -v nft >/dev/null; then
  nft -f - <<'RULES'
table inet workshop_metadata
delete table inet workshop_metadata
table inet workshop_metadata {
  chain output {
    type filter hook output priority 0; policy accept;
    ip daddr 169.254.169.254 meta skuid != 0 reject
    ip6 daddr fd00:ec2::254 meta skuid != 0 reject
  }
}
RULES
else
  rule='OUTPUT -d 169.254.169.254 -m owner ! --uid-owner 0 -j REJECT'
  iptables -C $rule 2>/dev/null || iptables -I $rule
fi
"""

# Only the key that we gave is a host key, and nobody guesses passwords.
_SSHD = f"""\
HostKey {HOST_KEY_FILE}
PasswordAuthentication no
KbdInteractiveAuthentication no
"""

# A host that fails to arm its deadline must not look ready: the file that says so comes last.
_FIRST_BOOT = f"""\
#!/bin/sh
set -eu
install -d -m 0755 /opt/workshop /opt/workshop/environments /opt/workshop/run
install -d -m 0700 /opt/workshop/incoming
if [ -d /run/systemd/system ]; then
  systemctl daemon-reload
  systemctl enable --now workshop-deadline.timer
  systemctl enable --now workshop-metadata.service || true
fi
touch {DONE_FILE}
chmod 0644 {DONE_FILE}
"""


@dataclass(frozen=True)
class FirstBoot:
    """The facts: the host's name, its bootstrap host key (both halves), when it ends itself."""

    hostname: str
    host_key_private: str
    host_key_public: str
    deadline: datetime

    def __repr__(self) -> str:
        return f"FirstBoot({self.hostname}, {self.deadline})"  # never the private half


class UserDataTooBig(StepFailed):
    """Over 16 KB: AWS would refuse it. Nothing was launched."""


def user_data(facts: FirstBoot) -> str:
    """The text, always the same for the same facts. Raises: UserDataTooBig."""
    text = "#cloud-config\n" + yaml.safe_dump(_config(facts), sort_keys=False, width=1000)
    if (size := len(text.encode())) > MOST_BYTES:
        raise UserDataTooBig(
            f"The user-data of {facts.hostname} has {size} bytes, over {MOST_BYTES}"
        )
    return text


def _config(facts: FirstBoot) -> dict[str, Any]:
    return {
        "hostname": facts.hostname,
        "manage_etc_hosts": True,  # without its own name in it, sudo waits for DNS
        "ssh_deletekeys": True,
        "ssh_keys": {
            "ed25519_private": facts.host_key_private,
            "ed25519_public": facts.host_key_public,
        },
        "write_files": [
            _file("/etc/ssh/sshd_config.d/10-workshop.conf", _SSHD),
            _file(TIMER_FILE, deadline_timer(facts.deadline)),
            _file("/etc/systemd/system/workshop-deadline.service", _DEADLINE_SERVICE),
            _file(f"{_SCRIPTS}/deadline", _DEADLINE),
            _file("/etc/systemd/system/workshop-metadata.service", _METADATA_SERVICE),
            _file(f"{_SCRIPTS}/metadata", _METADATA),
            _file(f"{_SCRIPTS}/first-boot", _FIRST_BOOT),
        ],
        "runcmd": [f"sh {_SCRIPTS}/first-boot"],
    }


def _file(path: str, content: str) -> dict[str, str]:
    return {"path": path, "content": content, "permissions": "0644"}
