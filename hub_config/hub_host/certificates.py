"""A certificate authority of the hub host's own, for a workshop without a certificate.

Its private key is made on the hub host and never leaves it; the instructor gets its certificate.
Browsers warn until that is believed, but nobody on the way can read or change anything.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from provisioning.folders import write_atomically

#: Browsers refuse server certificates that are good for longer than 398 days.
_SERVER_DAYS, _AUTHORITY_DAYS, _RENEW_DAYS = 90, 365, 14


@dataclass(frozen=True)
class Authority:
    """The files of an authority in one folder (0700)."""

    folder: Path

    @property
    def certificate(self) -> Path:
        """What people's browsers may believe."""
        return self.folder / "authority.pem"

    @property
    def server_certificate(self) -> Path:
        """The hub's certificate, with the authority's behind it."""
        return self.folder / "server.pem"

    @property
    def server_key(self) -> Path:
        return self.folder / "server-key.pem"

    @property
    def _key(self) -> Path:
        return self.folder / "authority-key.pem"

    def ensure(self, workshop: str, names: Iterable[str], now: datetime) -> bool:
        """The authority, and a certificate for these names and addresses. True when it is new."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.folder.chmod(0o700)
        wanted = frozenset(names)
        if self._is_good(self.certificate, None, now) and self._key.exists():
            if self._is_good(self.server_certificate, wanted, now) and self.server_key.exists():
                return False
        else:
            self._make_authority(workshop, now)
        self._make_server(workshop, sorted(wanted), now)
        return True

    def _is_good(self, file: Path, names: frozenset[str] | None, now: datetime) -> bool:
        try:
            found = x509.load_pem_x509_certificate(file.read_bytes())
        except (FileNotFoundError, ValueError):
            return False
        lives = found.not_valid_after_utc - now > timedelta(days=_RENEW_DAYS)
        return lives and (names is None or _names_of(found) == names)

    def _make_authority(self, workshop: str, now: datetime) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        name = _name(f"workshop {workshop}: certificate authority")
        usage = x509.KeyUsage(
            digital_signature=True, key_cert_sign=True, crl_sign=True, content_commitment=False,
            key_encipherment=False, data_encipherment=False, key_agreement=False,
            encipher_only=False, decipher_only=False,
        )  # fmt: skip
        made = (
            _begun(name, name, key, now, _AUTHORITY_DAYS)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(usage, critical=True)
            .add_extension(
                x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False
            )
            .sign(key, hashes.SHA256())
        )
        _write_key(self._key, key)
        write_atomically(self.certificate, _pem(made), mode=0o644)

    def _make_server(self, workshop: str, names: list[str], now: datetime) -> None:
        authority = x509.load_pem_x509_certificate(self.certificate.read_bytes())
        signer = serialization.load_pem_private_key(self._key.read_bytes(), password=None)
        if not isinstance(signer, ec.EllipticCurvePrivateKey):
            raise ValueError(f"{self._key} is not what we wrote")
        key = ec.generate_private_key(ec.SECP256R1())
        made = (
            _begun(_name(f"workshop {workshop}"), authority.subject, key, now, _SERVER_DAYS)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(
                x509.SubjectAlternativeName([_general(name) for name in names]), critical=False
            )
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()),
                critical=False,
            )
            .sign(signer, hashes.SHA256())
        )
        _write_key(self.server_key, key)
        write_atomically(self.server_certificate, _pem(made) + _pem(authority), mode=0o644)


def _begun(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    now: datetime,
    days: int,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        # A laptop's clock may be behind.
        .not_valid_before(now.astimezone(UTC) - timedelta(hours=1))
        .not_valid_after(now.astimezone(UTC) + timedelta(days=days))
    )


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text[:64])])


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _names_of(certificate: x509.Certificate) -> frozenset[str]:
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return frozenset()
    addresses = found.get_values_for_type(x509.IPAddress)
    return frozenset((*found.get_values_for_type(x509.DNSName), *map(str, addresses)))


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _write_key(path: Path, key: ec.EllipticCurvePrivateKey) -> None:
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    write_atomically(path, pem, mode=0o600)
