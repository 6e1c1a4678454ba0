"""What goes wrong with real hosts, on purpose. Every function takes a namespace host."""

from __future__ import annotations

from tests.cloud.machines.links import narrow as narrow_link
from tests.cloud.machines.links import widen as widen_link
from tests.cloud.machines.namespace_host import NamespaceHost


def drop(host: NamespaceHost) -> None:
    """Let every packet to and from the host vanish silently."""
    host.network.firewall.change(host.interface, cut=True)


def lose(host: NamespaceHost, percent: int) -> None:
    """Let this share of the packets vanish at random, both ways."""
    host.network.firewall.change(host.interface, lost_percent=percent)


def heal(host: NamespaceHost) -> None:
    """End `drop` and `lose`."""
    host.network.firewall.change(host.interface, cut=False, lost_percent=0)


def narrow(host: NamespaceHost, mbit: int) -> None:
    """Limit the host's link, each way, until it is widened or reboots."""
    narrow_link(host.interface, mbit)
    narrow_link("eth0", mbit, inside_of=host.process_id)


def widen(host: NamespaceHost) -> None:
    """End `narrow`."""
    widen_link(host.interface)
    widen_link("eth0", inside_of=host.process_id)


def kill(host: NamespaceHost) -> None:
    """Pull the plug: no connection is closed, packets to it vanish; `power_on` starts it again."""
    drop(host)
    host.cut_power()
    heal(host)


def freeze_sshd(host: NamespaceHost) -> None:
    """sshd and its sessions stop answering; the kernel still accepts connections and bytes."""
    host.inside("pkill -STOP -x sshd")


def thaw_sshd(host: NamespaceHost) -> None:
    host.inside("pkill -CONT -x sshd")


def stop_sshd(host: NamespaceHost) -> None:
    """Nobody listens on port 22 any more; sessions that are open go on."""
    host.inside("systemctl stop ssh")


def start_sshd(host: NamespaceHost) -> None:
    host.inside("systemctl start ssh")


def end_sessions(host: NamespaceHost) -> None:
    """Kill sshd's processes for sessions that are open; new ones are welcome."""
    host.inside("pkill -KILL -f '^sshd: ubuntu' || true")


def change_host_key(host: NamespaceHost) -> str:
    """Another ed25519 host key, as if another machine had the address; returns its line."""
    host.inside(
        "rm -f /etc/ssh/ssh_host_*; ssh-keygen -q -t ed25519 -N '' -C '' "
        "-f /etc/ssh/ssh_host_ed25519_key && systemctl restart ssh"
    )
    return host.host_key


def fill_disk(host: NamespaceHost, *, leave_kb: int = 0) -> None:
    """Fill the limited disk of a host. Raises: ValueError when its disk is this machine's."""
    if host.wish.disk_mb is None:
        raise ValueError(f"{host.wish.name} has no limited disk: give it disk_mb")
    host.inside(
        "free=$(df --output=avail -k / | tail -n 1); "
        f"fallocate -l $((free - {leave_kb}))K /var/tmp/filler"
    )


def empty_disk(host: NamespaceHost) -> None:
    """End `fill_disk`."""
    host.inside("rm -f /var/tmp/filler")
