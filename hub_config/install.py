"""Steps that bring a hub's files into being. Each looks before it acts and can be repeated."""

from __future__ import annotations

import errno
import hashlib
import os
import secrets as randomness
import shutil
import socket
import tempfile
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from hub_config.render import Files
from hub_config.settings import Ports, Secrets
from provisioning.errors import NotPossibleHere, StepFailed
from provisioning.paths import StatePaths

#: Below those of seats on hosts (20000..), and below those that Linux gives to whoever names none
#: (32768..): a port is bound seconds after it was chosen, and again after every restart.
_OUR_PORTS = range(10_000, 20_000)
#: The rooms that the hub's processes import.
ROOMS = ("provisioning", "hub_config", "grader")


@dataclass(frozen=True)
class Owner:
    uid: int
    gid: int


def ensure_folder(path: Path, mode: int, owner: Owner | None = None) -> None:
    path.mkdir(parents=True, exist_ok=True)
    path.chmod(mode)
    if owner is not None:
        os.chown(path, owner.uid, owner.gid)


def ensure_tree(path: Path, mode: int, owner: Owner | None) -> None:
    """A folder with all that is in it: `down` gave it to whoever ran it, `up` gives it back."""
    ensure_folder(path, mode, owner)
    for inside in path.rglob("*") if owner is not None else ():
        if owner is not None and inside.lstat().st_uid != owner.uid:
            os.chown(inside, owner.uid, owner.gid, follow_symlinks=False)


def ensure_routes(folder: Path, reader: Owner | None) -> None:
    """The proxy's route file. The proxy needs it to exist; its content belongs to the hub.

    Whoever owns the hub writes, the proxy's group reads: a seat must do neither.
    """
    folder.mkdir(exist_ok=True)
    if reader is not None:
        os.chown(folder, -1, reader.gid)
    folder.chmod(0o2750)
    routes = folder / "routes.toml"
    routes.touch(0o640)
    if reader is not None:
        os.chown(routes, -1, reader.gid)
    routes.chmod(0o640)


def ensure_certificate(
    folder: Path, certificate: Path, key: Path, reader: Owner | None
) -> tuple[Path, Path]:
    """Copies that the proxy's account may read; the originals often are root's alone."""
    folder.mkdir(exist_ok=True)
    folder.chmod(0o750)
    copies = (folder / "certificate.pem", folder / "key.pem")
    for source, copy in zip((certificate, key), copies, strict=True):
        write_if_changed(copy, source.read_text(), 0o640)
    for path in (folder, *copies):
        if reader is not None:
            os.chown(path, -1, reader.gid)
    return copies


def ensure_folders(paths: StatePaths) -> None:
    """The state folder's skeleton. Others may pass through it, not list it."""
    ensure_folder(paths.root, 0o755)
    ensure_folder(paths.environments, 0o755)
    ensure_folder(paths.home, 0o711)
    for private in (paths.hub, paths.run, paths.logs, paths.archive):
        ensure_folder(private, 0o700)
    for passed in (paths.homes, paths.library, paths.reports):
        ensure_folder(passed, 0o755)


def ensure_library(paths: StatePaths, source: Path) -> Path:
    """Our own code where the hub's processes can read it; running seats keep theirs.

    `source` may lie in a private home, so it is copied. The folder is named after its
    bytes: an unchanged library is left alone.
    """
    files = sorted(
        path
        for room in ROOMS
        for path in (source / room).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    )
    digest = hashlib.sha256()
    for path in files:
        digest.update(f"{path.relative_to(source)}\0".encode() + path.read_bytes() + b"\0")
    target = paths.library / digest.hexdigest()[:16]
    if target.is_dir():
        return target
    paths.library.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=paths.library, prefix=".new-") as scratch:
        new = Path(scratch) / "lib"
        for path in files:
            copy = new / path.relative_to(source)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy)
        _open_to_readers(new)
        new.rename(target)
    return target


def ensure_copy(source: Path, target: Path, owner: Owner | None) -> None:
    """A private copy of a folder, replaced as a whole: readable by its owner alone."""
    scratch = target.with_name(f".{target.name}.new")
    shutil.rmtree(scratch, ignore_errors=True)
    shutil.copytree(source, scratch, ignore=shutil.ignore_patterns("__pycache__", ".*"))
    for path in (scratch, *scratch.rglob("*")):
        path.chmod(0o700 if path.is_dir() else 0o600)
        if owner is not None:
            os.chown(path, owner.uid, owner.gid)
    shutil.rmtree(target, ignore_errors=True)
    scratch.rename(target)


def ensure_secrets(path: Path) -> Secrets:
    """Made once, kept until the workshop's folder is removed."""
    made = {name: randomness.token_hex(32) for name in Secrets.model_fields}
    if path.is_file():
        known = Secrets.model_validate_json(path.read_text()).model_dump()
        made |= {name: secret for name, secret in known.items() if secret}
    return Secrets(**made)


def ensure_ports(path: Path, public: int) -> Ports:
    """Loopback ports for our own processes, chosen once and remembered."""
    known: dict[str, int] = {}
    if path.is_file():
        known = Ports.model_validate_json(path.read_text()).model_dump()
        if known["public"] != public:
            known = {}
    # An older `up` knew fewer ports.
    missing = [name for name in Ports.model_fields if name != "public" and not known.get(name)]
    chosen = dict(zip(missing, free_ports(len(missing)), strict=True))
    ports = Ports(**{**known, "public": public, **chosen})
    write_if_changed(path, ports.model_dump_json())
    return ports


def free_ports(count: int) -> list[int]:
    """Different ports that nobody has now, and that Linux gives to nobody by itself."""
    mixed = randomness.SystemRandom().sample(_OUR_PORTS, len(_OUR_PORTS))
    return list(islice(filter(_is_free, mixed), count))


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def ensure_files(files: Files) -> tuple[Path, ...]:
    """Write what differs; returns what was written."""
    return tuple(
        path for path, file in files.items() if write_if_changed(path, file.text, file.mode)
    )


def write_if_changed(path: Path, text: str, mode: int = 0o644) -> bool:
    """Replace a file whole or not at all. True when it differed."""
    if path.is_file() and path.read_text() == text and path.stat().st_mode & 0o777 == mode:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        _replace(path, text, mode)
    except OSError as error:
        message = f"{path} could not be written: {error.strerror}; the previous one is untouched"
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            advice = "make room (df -h shows where) and repeat the command"
            raise NotPossibleHere(message, next_step=advice) from error
        raise StepFailed(message, next_step="correct that and repeat the command") from error
    return True


def _replace(path: Path, text: str, mode: int) -> None:
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    try:
        with os.fdopen(handle, "w") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        Path(name).chmod(mode)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _open_to_readers(folder: Path) -> None:
    folder.chmod(0o755)
    for path in folder.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)
