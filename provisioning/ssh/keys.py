"""Ed25519 key pairs in OpenSSH's format: for logging in, and for hosts to show who they are."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from provisioning.folders import write_atomically
from provisioning.ssh.errors import KeyUnusable


@dataclass(frozen=True)
class KeyPair:
    """`private` is an unencrypted OpenSSH file, `public` a line "ssh-ed25519 AAAA... comment"."""

    private: str = field(repr=False)
    public: str


def new_key_pair(comment: str) -> KeyPair:
    """A new ed25519 pair. `comment` ends the public line: which workshop, which host."""
    return _pair(Ed25519PrivateKey.generate(), comment)


def ensure_key_pair(path: Path, comment: str) -> KeyPair:
    """The pair in `path` (0600) and `path`.pub, made if there is none.

    Raises KeyUnusable when `path` holds something else: it is never overwritten.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        pair = new_key_pair(comment)
        write_atomically(path, pair.private.encode(), mode=0o600)
    else:
        pair = _pair(_read(path, content), comment)
    public = path.with_name(f"{path.name}.pub")
    if not public.exists() or public.read_text() != f"{pair.public}\n":
        write_atomically(public, f"{pair.public}\n".encode())
    return pair


def _read(path: Path, content: bytes) -> Ed25519PrivateKey:
    try:
        key = serialization.load_ssh_private_key(content, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise KeyUnusable(
            f"{path} is not an ed25519 key without a passphrase.",
            next_step=f"move {path} away, then repeat the command: a new key is made",
        )
    return key


def _pair(key: Ed25519PrivateKey, comment: str) -> KeyPair:
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.OpenSSH,
        serialization.NoEncryption(),
    )
    public = key.public_key().public_bytes(
        serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
    )
    return KeyPair(private.decode(), f"{public.decode()} {comment}".rstrip())
