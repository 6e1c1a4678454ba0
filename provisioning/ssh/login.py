"""Who logs in where, with which key, and which host keys are the right ones."""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from provisioning.fleet import Address
from provisioning.ssh.errors import HostKeyUnreadable

#: Kinds of host keys, and the signature algorithms that prove them (RFC 8332 for RSA).
ALGORITHMS: Final[dict[str, tuple[str, ...]]] = {
    "ssh-ed25519": ("ssh-ed25519",),
    "ecdsa-sha2-nistp256": ("ecdsa-sha2-nistp256",),
    "ecdsa-sha2-nistp384": ("ecdsa-sha2-nistp384",),
    "ecdsa-sha2-nistp521": ("ecdsa-sha2-nistp521",),
    "ssh-rsa": ("rsa-sha2-512", "rsa-sha2-256"),
}


@dataclass(frozen=True)
class Login:
    """Where to log in, with which private key file. No agent, password or other key is tried.

    `host_keys`: public keys as in /etc/ssh/ssh_host_*_key.pub, "ssh-ed25519 AAAA... comment".
    A host that shows none of them is not talked to.
    """

    address: Address
    key_file: Path
    host_keys: tuple[str, ...]


@dataclass(frozen=True)
class HostKey:
    """A public host key: its kind and its bytes in SSH's wire format."""

    kind: str
    blob: bytes

    def __str__(self) -> str:
        """Kind and fingerprint, as `ssh-keygen -l` writes them."""
        digest = base64.b64encode(hashlib.sha256(self.blob).digest()).decode().rstrip("=")
        return f"{self.kind} SHA256:{digest}"


def read_host_key(line: str) -> HostKey:
    """A line such as "ssh-ed25519 AAAA... comment". Raises HostKeyUnreadable."""
    kind, _, rest = line.strip().partition(" ")
    encoded = rest.strip().partition(" ")[0]
    if kind not in ALGORITHMS:
        raise _unreadable(line, f"it doesn't start with {', '.join(ALGORITHMS)}")
    try:
        blob = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        raise _unreadable(line, "what follows the kind is not base64") from None
    named = len(kind).to_bytes(4) + kind.encode()
    if not blob.startswith(named) or len(blob) <= len(named):
        raise _unreadable(line, f"what follows the kind is not a key of kind {kind}")
    return HostKey(kind, blob)


def pinned_keys(login: Login) -> tuple[HostKey, ...]:
    """The host keys that a login accepts. Raises HostKeyUnreadable, also when there is none."""
    if not login.host_keys:
        raise HostKeyUnreadable(
            f"No host key is known for {login.address}: nobody could tell it from another machine",
            next_step="copy the line of /etc/ssh/ssh_host_ed25519_key.pub from the host",
        )
    return tuple(read_host_key(line) for line in login.host_keys)


def _unreadable(line: str, why: str) -> HostKeyUnreadable:
    shown = line.strip()[:60]
    return HostKeyUnreadable(
        f"{shown!r} is not a public host key: {why}",
        next_step="copy the whole line of /etc/ssh/ssh_host_ed25519_key.pub from the host",
    )
