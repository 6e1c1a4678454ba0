"""The hub host answers to its public address itself.

In a cloud that address belongs to a gateway: what the hub host sends there comes back from
outside, where the firewall lets only people in. Robots of a rehearsal type what people type, so
the address is put on the hub host's loopback as well.
"""

from __future__ import annotations

import ipaddress
import subprocess

import psutil


def ensure_own_address(name: str) -> bool:
    """True when it was added. Nothing is done for a name, or where an interface has it.

    Lasts until the next boot. Whatever keeps it from being added keeps nobody from the hub.
    """
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return False
    present = (each.address for found in psutil.net_if_addrs().values() for each in found)
    if str(address) in present:
        return False
    added = subprocess.run(
        ["ip", "address", "add", f"{address}/{address.max_prefixlen}", "dev", "lo"],
        capture_output=True,
        timeout=30,
        check=False,
    )
    return added.returncode == 0
