"""A host's public key as OpenSSH writes it: `ssh-ed25519 AAAA... comment`."""

from __future__ import annotations

import base64
import binascii

from provisioning.spec_file import describe
from provisioning.spec_types import spec_mistake

#: What our SSH client accepts from a host. DSA and certificates are not among it.
KINDS = (
    "ssh-ed25519",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "ssh-rsa",
)
_WRITE = "write the line of /etc/ssh/ssh_host_ed25519_key.pub on that machine: ssh-ed25519 AAAA..."


def check_host_key(line: str) -> str:
    """The type and the key without the comment; a spec mistake when it is no host key."""
    words = line.split()
    if len(words) > 2 and words[0] not in KINDS and words[1] in KINDS:
        found = f"found {describe(line)}, a line of known_hosts"
        raise spec_mistake(found, f"remove `{words[0]}` in front of {words[1]}")
    if "PRIVATE" in line:
        raise spec_mistake("found a private key", f"take it out of the file, and {_WRITE}")
    if len(words) < 2 or words[0] not in KINDS or _kind_inside(words[1]) != words[0]:
        raise spec_mistake(f"found {describe(line)}, which is no host key", _WRITE)
    return f"{words[0]} {words[1]}"


def _kind_inside(blob: str) -> str:
    """The type that the key itself names: a length of four bytes, then that many characters.

    RFC 4253, section 6.6; a cut or mistyped key doesn't get this far.
    """
    try:
        content = base64.b64decode(blob, validate=True)
    except binascii.Error:
        return ""
    fields = []
    while content:
        length = int.from_bytes(content[:4], "big")
        if len(content) < 4 + length:
            return ""  # cut off
        fields.append(content[4 : 4 + length])
        content = content[4 + length :]
    whole = len(fields) >= 2 and all(fields)
    return fields[0].decode("ascii", "replace") if whole else ""
