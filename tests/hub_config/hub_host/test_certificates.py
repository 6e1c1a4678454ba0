"""The hub host's own certificate authority."""

from __future__ import annotations

import socket
import ssl
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from hub_config.hub_host.certificates import Authority

NOW = datetime.now(UTC)


def shake_hands(authority: Authority, trusted: Path, name: str) -> None:
    """A TLS connection, as the hub's proxy and a browser would make it."""
    ours = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    ours.load_cert_chain(authority.server_certificate, authority.server_key)
    theirs = ssl.create_default_context()
    theirs.load_verify_locations(trusted)
    left, right = socket.socketpair()

    def serve() -> None:
        try:
            ours.wrap_socket(left, server_side=True).close()
        except OSError:
            left.close()

    server = threading.Thread(target=serve)
    server.start()
    try:
        with theirs.wrap_socket(right, server_hostname=name):
            pass
    finally:
        right.close()
        server.join()


def test_who_believes_the_authority_believes_the_hub_under_its_names(tmp_path: Path) -> None:
    authority = Authority(tmp_path / "authority")
    assert authority.ensure("demo", ("192.0.2.9", "hub.example.org"), NOW)
    shake_hands(authority, authority.certificate, "192.0.2.9")
    shake_hands(authority, authority.certificate, "hub.example.org")
    with pytest.raises(ssl.SSLCertVerificationError):
        shake_hands(authority, authority.certificate, "192.0.2.10")
    other = Authority(tmp_path / "other")
    other.ensure("demo", ("192.0.2.9",), NOW)
    with pytest.raises(ssl.SSLCertVerificationError):
        shake_hands(authority, other.certificate, "192.0.2.9")


def test_a_new_address_gets_a_new_certificate_from_the_same_authority(tmp_path: Path) -> None:
    authority = Authority(tmp_path / "authority")
    authority.ensure("demo", ("192.0.2.9",), NOW)
    believed = authority.certificate.read_bytes()
    assert not authority.ensure("demo", ("192.0.2.9",), NOW)
    assert authority.ensure("demo", ("192.0.2.10",), NOW)
    assert authority.certificate.read_bytes() == believed
    shake_hands(authority, authority.certificate, "192.0.2.10")


def test_a_certificate_is_renewed_before_it_ends(tmp_path: Path) -> None:
    authority = Authority(tmp_path / "authority")
    authority.ensure("demo", ("192.0.2.9",), NOW - timedelta(days=80))
    assert authority.ensure("demo", ("192.0.2.9",), NOW)


def test_only_root_reads_the_keys(tmp_path: Path) -> None:
    authority = Authority(tmp_path / "authority")
    authority.ensure("demo", ("192.0.2.9",), NOW)
    assert authority.folder.stat().st_mode & 0o777 == 0o700
    keys = [path for path in authority.folder.iterdir() if "PRIVATE KEY" in path.read_text()]
    assert len(keys) == 2
    assert {path.stat().st_mode & 0o777 for path in keys} == {0o600}
