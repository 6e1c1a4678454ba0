"""A key pair of each participant's own: `python -m grader.scheduling.keys FOLDER NAME`.

The private half is made where it is used and never leaves that machine. What travels is the
printed certificate: the dispatcher believes those of its workers and its own, a worker believes
the dispatcher's alone. So no worker can pass for the dispatcher before another one, and there is
no authority whose key could be lost.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from grader.durable import write_text
from grader.scheduling.settings import TlsFiles

_DAYS, _RENEW_DAYS = 90, 14


def tls_files(folder: Path) -> TlsFiles:
    """Where a participant's files are."""
    return TlsFiles(
        authority=folder / "believed.pem",
        certificate=folder / "certificate.pem",
        key=folder / "key.pem",
    )


def ensure_key(folder: Path, name: str, now: datetime) -> str:
    """This participant's certificate (PEM), made with its key unless it is good for a while."""
    files = tls_files(folder)
    if not (files.key.exists() and _is_good(files.certificate, now)):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        _make(files, name, now)
    return files.certificate.read_text()


def believe(folder: Path, certificates: Iterable[str]) -> bool:
    """From its next start on, the participant of this folder believes exactly these. True when
    that is news."""
    file, text = tls_files(folder).authority, "".join(sorted(set(certificates)))
    if file.exists() and file.read_text() == text:
        return False
    write_text(file, text)
    return True


def _is_good(certificate: Path, now: datetime) -> bool:
    try:
        found = x509.load_pem_x509_certificate(certificate.read_bytes())
    except (FileNotFoundError, ValueError):
        return False
    return found.not_valid_after_utc - now > timedelta(days=_RENEW_DAYS)


def _make(files: TlsFiles, name: str, now: datetime) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    who = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"grading: {name}"[:64])])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(who)
        .issuer_name(who)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        # Another host's clock may be behind.
        .not_valid_before(now.astimezone(UTC) - timedelta(hours=1))
        .not_valid_after(now.astimezone(UTC) + timedelta(days=_DAYS))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    files.key.touch(mode=0o600)
    files.key.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    # Last: a certificate vouches for the key beside it.
    write_text(files.certificate, certificate.public_bytes(serialization.Encoding.PEM).decode())


if __name__ == "__main__":
    sys.stdout.write(ensure_key(Path(sys.argv[1]), sys.argv[2], datetime.now(UTC)))
