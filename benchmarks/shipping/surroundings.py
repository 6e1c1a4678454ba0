"""What hosts of a cloud have around them, as far as one machine can play it for fifty."""

from __future__ import annotations

import ctypes
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from tests.cloud.machines import trouble
from tests.cloud.machines.debian import debian
from tests.cloud.machines.yard import PlainHost, Yard

_NEW_NETWORK = 0x40000000  # CLONE_NEWNET of linux/sched.h
_IP_RULES_FOR_BRIDGES = Path("/proc/sys/net/bridge")
_USE_CUBIC = (
    "ip -4 route show dev {0} | grep -v congctl | "
    "while read -r route; do ip route replace $route dev {0} congctl cubic; done"
)


def enter_a_network_of_our_own() -> None:
    """It touches nothing of this machine's network, and goes with this process. Needs root.

    Before any thread is started: threads and children are in it, too. Bridged packets don't meet
    this machine's rules for IP there: hosts of a cloud share no bridge.
    """
    debian()  # what hosts run is installed once, from a mirror that isn't reached from there
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_NEW_NETWORK) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    for hook in _IP_RULES_FOR_BRIDGES.glob("bridge-nf-call-*"):
        hook.write_text("0")


def connect(yard: Yard, hosts: Sequence[PlainHost], mbit: int) -> None:
    """Limit every link, this machine's as well; a link that was down has to be connected anew.

    TCP is CUBIC there, as Debian, Ubuntu and Amazon Linux have it, whatever this machine's
    default is: BBR sends smaller packets by a timer each, which costs fifty hosts on one machine
    a fifth more of its processor.
    """
    yard.network.narrow_controller(mbit)
    subprocess.run(["sh", "-c", _USE_CUBIC.format(f"{yard.network.name}u")], check=True)
    for host in hosts:
        trouble.narrow(host.machine, mbit)
        host.machine.inside(_USE_CUBIC.format("eth0"))
