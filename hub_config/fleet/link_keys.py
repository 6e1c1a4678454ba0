"""The key that the hub's host logs in to seat hosts with, and what that key may do there."""

from __future__ import annotations

import shlex
from pathlib import Path

from provisioning.ssh.keys import ensure_key_pair

#: Ends the key's line on the seat hosts: the line of an earlier key is replaced by it.
COMMENT = "workshop-link"
#: A hub's host that lost its power leaves a session that still holds the forwarded ports.
SSHD_SETTINGS = "ClientAliveInterval 5\nClientAliveCountMax 3\n"


def ensure_link_key(folder: Path) -> str:
    """The public line of the key in `folder`, made there if there is none; 0600, never copied.

    Raises KeyUnusable when the file holds something else.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    return ensure_key_pair(folder / "key", COMMENT).public


def authorized_line(public: str) -> str:
    """The line for authorized_keys: forwards and, for backups, commands. No terminal, no agent,
    and no port that a network reaches. (`permitopen` would forbid Unix sockets altogether.)"""
    return f'restrict,port-forwarding,permitlisten="127.0.0.1:*" {public}'


def seat_host_script(public: str) -> str:
    """A shell script for root on a seat host: let this link key in, and no earlier one.

    Can be repeated. The server of SSH is told to read its settings again; sessions go on.
    """
    return f"""\
set -eu
umask 077
mkdir -p /root/.ssh
touch /root/.ssh/authorized_keys
sed -i {shlex.quote(f"/ {COMMENT}$/d")} /root/.ssh/authorized_keys
printf '%s\\n' {shlex.quote(authorized_line(public))} >> /root/.ssh/authorized_keys
settings={shlex.quote(SSHD_SETTINGS)}
file=/etc/ssh/sshd_config.d/10-workshop-link.conf
if [ -d /etc/ssh/sshd_config.d ] && [ "$(cat $file 2>/dev/null)" != "${{settings%?}}" ]; then
    printf '%s' "$settings" > $file
    systemctl reload ssh || systemctl reload sshd
fi
"""
