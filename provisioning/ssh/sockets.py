"""TCP connections that notice when the other side is gone."""

from __future__ import annotations

import ipaddress
import os
import queue
import socket
import threading
from typing import Any

from provisioning.fleet import Address
from provisioning.ssh.deadline import Deadline
from provisioning.ssh.errors import Unreachable

#: Seconds without an acknowledgement after which a connection counts as lost.
DEAD_AFTER = 20.0


def open_socket(
    address: Address, deadline: Deadline, *, dead_after: float = DEAD_AFTER
) -> socket.socket:
    """A connection to `address`, whichever of its IP addresses answers. Raises Unreachable."""
    why = "its name has no address"
    for family, kind, protocol, _, where in _resolve(address, deadline):
        opened = socket.socket(family, kind, protocol)
        try:
            _watch(opened, dead_after)
            opened.settimeout(max(0.001, deadline.left))
            opened.connect(where)
        except TimeoutError:
            opened.close()
            why = f"no answer in {deadline}"
        except OSError as error:
            opened.close()
            why = reason(error)
        except BaseException:
            opened.close()
            raise
        else:
            return opened
    raise Unreachable(address, why)


def _watch(opened: socket.socket, dead_after: float) -> None:
    """Have the kernel end the connection when the other side is silent too long.

    TCP_USER_TIMEOUT covers what we sent and keepalive probes what we wait for (tcp(7));
    without them a host that lost power looks like one that thinks.
    """
    idle = max(1, int(dead_after / 2))
    opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(dead_after * 1000))
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, idle)
    opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, max(1, idle // 2))


def _resolve(address: Address, deadline: Deadline) -> list[Any]:
    """The host's addresses. The resolver knows no deadline, so it works in a thread of its own."""
    answers: queue.SimpleQueue[list[Any] | OSError] = queue.SimpleQueue()

    def look_up() -> None:
        try:
            answers.put(socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM))
        except OSError as error:
            answers.put(error)

    if _is_number(address.host):
        look_up()
    else:
        threading.Thread(target=look_up, name="resolve", daemon=True).start()
    try:
        answer = answers.get(timeout=deadline.left)
    except queue.Empty:
        raise Unreachable(address, f"no address found in {deadline}") from None
    if isinstance(answer, OSError):
        raise Unreachable(address, reason(answer))
    return answer


def _is_number(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def reason(error: OSError) -> str:
    """The system's sentence, starting with a small letter: "connection refused"."""
    said = error.strerror or (os.strerror(error.errno) if error.errno else str(error))
    return said[:1].lower() + said[1:]
