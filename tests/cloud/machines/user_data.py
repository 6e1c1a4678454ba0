"""User-data of the `#cloud-config` kind, read into what the stand-in for cloud-init will do.

Only what the product uses is known. Anything else is refused, because a stand-in that passes
over a key would let a mistake through that only a real host finds; such user-data belongs on
the machines under qemu, where cloud-init itself reads it.
Source: https://cloudinit.readthedocs.io/en/latest/reference/modules.html
"""

from __future__ import annotations

import base64
import gzip
import shlex
from dataclasses import dataclass
from typing import Any

import yaml

#: These change nothing that a namespace host has, or what they ask for is so already.
WITHOUT_EFFECT = frozenset(
    {
        "disable_ec2_metadata",
        "disable_root",
        "fqdn",
        "growpart",
        "manage_etc_hosts",
        "no_ssh_fingerprints",
        "output",
        "package_reboot_if_required",
        "package_update",
        "package_upgrade",
        "preserve_hostname",
        "resize_rootfs",
        "ssh",
        "ssh_deletekeys",
        "ssh_genkeytypes",
        "ssh_publish_hostkeys",
        "ssh_pwauth",
        "ssh_quiet_keygen",
        "timezone",
    }
)


@dataclass(frozen=True)
class FirstBoot:
    """What cloud-init would do, in plain values (they travel to the host as JSON)."""

    hostname: str | None
    #: ed25519_private -> text, and so on.
    ssh_keys: dict[str, str]
    authorized_keys: tuple[str, ...]
    #: Each with path, content (base64), mode (number), owner, append, defer.
    write_files: tuple[dict[str, Any], ...]
    #: Shell scripts, empty when there is nothing to run.
    bootcmd: str
    runcmd: str


def read_user_data(content: bytes) -> FirstBoot:
    """Raises: ValueError for what this stand-in doesn't know."""
    if content[:2] == b"\x1f\x8b":
        content = gzip.decompress(content)
    text = content.decode()
    if not text.strip():
        return FirstBoot(None, {}, (), (), "", "")
    if text.startswith("#!"):
        return FirstBoot(None, {}, (), (), "", text)
    if text.split("\n", 1)[0].strip() != "#cloud-config":
        raise ValueError(f"user-data starts with {text[:40]!r}: neither #cloud-config nor #!")
    return _first_boot(yaml.safe_load(text) or {})


def _first_boot(config: dict[str, Any]) -> FirstBoot:
    config = {key: value for key, value in config.items() if key not in WITHOUT_EFFECT}
    read = FirstBoot(
        hostname=config.pop("hostname", None),
        ssh_keys=config.pop("ssh_keys", {}),
        authorized_keys=tuple(config.pop("ssh_authorized_keys", ())),
        write_files=tuple(_file(file) for file in config.pop("write_files", ())),
        bootcmd=_script(config.pop("bootcmd", ())),
        runcmd=_script(config.pop("runcmd", ())),
    )
    if config:
        raise ValueError(f"the stand-in for cloud-init doesn't know {', '.join(config)}")
    return read


def _file(wanted: dict[str, Any]) -> dict[str, Any]:
    owner, defer = wanted.get("owner", "root:root"), bool(wanted.get("defer", False))
    if not defer and owner.partition(":")[0] != "root":
        raise ValueError(f"{wanted['path']}: only root is there before users are, so defer it")
    return {
        "path": wanted["path"],
        "content": base64.b64encode(_content(wanted)).decode(),
        "mode": _mode(wanted.get("permissions", "0644")),
        "owner": owner,
        "append": bool(wanted.get("append", False)),
        "defer": defer,
    }


def _content(wanted: dict[str, Any]) -> bytes:
    content = wanted.get("content", "")
    raw: bytes = content if isinstance(content, bytes) else content.encode()
    match wanted.get("encoding", "text/plain"):
        case "b64" | "base64":
            return base64.b64decode(raw)
        case "gz+b64" | "gz+base64" | "gzip+b64" | "gzip+base64":
            return gzip.decompress(base64.b64decode(raw))
        case "text/plain":
            return raw
        case other:
            raise ValueError(f"{wanted['path']}: the encoding {other} isn't known here")


def _mode(permissions: str | int) -> int:
    """cloud-init takes numbers as they are, so 0644 without quotes is right in YAML 1.1 alone."""
    return permissions if isinstance(permissions, int) else int(permissions, 8)


def _script(commands: tuple[str | list[str], ...]) -> str:
    """As cloud-init's `shellify`: lists are quoted, lines are taken as they are."""
    if not commands:
        return ""
    lines = [
        command if isinstance(command, str) else shlex.join(str(word) for word in command)
        for command in commands
    ]
    return "\n".join(("#!/bin/sh", *lines, ""))
