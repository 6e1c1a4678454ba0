"""What can go wrong between us and a host, as families that callers act on."""

from __future__ import annotations

from provisioning.errors import NotPossibleHere, WorkshopError
from provisioning.fleet import Address

_AGAIN = "repeat the command: it goes on where it stopped"
_SHOWN_COMMAND = 120
_SHOWN_OUTPUT = 2000


class KeyUnusable(NotPossibleHere):
    """The private key to log in with is missing, protected by a passphrase or not a key."""


class HostKeyUnreadable(WorkshopError):
    """A line that should be a public host key isn't one."""


class SshError(WorkshopError):
    """A failure that concerns one host."""

    def __init__(self, address: Address, message: str, *, next_step: str = "") -> None:
        super().__init__(f"{address}: {message}", next_step=next_step)
        self.address = address


class Unreachable(SshError):
    """No SSH server talks to us there: refused, no route, or silence before the login."""

    def __init__(self, address: Address, why: str) -> None:
        super().__init__(
            address,
            f"no SSH connection: {why}",
            next_step="check that the host runs and that its firewall lets your address in, "
            "then repeat the command",
        )
        self.why = why


class HostKeyChanged(SshError):
    """Another key than the pinned ones: another machine, or somebody in between."""

    def __init__(self, address: Address, found: str, pinned: tuple[str, ...]) -> None:
        super().__init__(
            address,
            f"the host shows {found}, and we know {' or '.join(pinned)}; nothing was sent to it",
            next_step="find out why before you go on: if somebody reinstalled this machine, "
            "put its new host key in place of the old one",
        )
        self.found = found
        self.pinned = pinned


class LoginRefused(SshError):
    """The host is the right one and doesn't accept our user or key."""

    def __init__(self, address: Address, why: str) -> None:
        super().__init__(
            address,
            f"the host refused the login as {address.user}: {why}",
            next_step="check the user's name, and that its authorized_keys on the host has our "
            "public key",
        )
        self.why = why


class RootRefused(SshError):
    """We may log in, and may not become root."""

    def __init__(self, address: Address, said: str) -> None:
        super().__init__(
            address,
            f"{address.user} can't become root without a password: {said}",
            next_step=f"on the host, let {address.user} run sudo without a password, "
            "or log in as root",
        )


class TooManySessions(SshError):
    """The host lets this connection do fewer things at once than we need."""

    def __init__(self, address: Address, said: str) -> None:
        super().__init__(
            address,
            f"the SSH server refuses one more session on this connection: {said}",
            next_step="wait until the other commands on this host have ended, or raise "
            "MaxSessions in its sshd_config",
        )


class ConnectionLost(SshError):
    """The connection ended before the command did: what it came to is unknown."""

    def __init__(self, address: Address, doing: str, why: str) -> None:
        super().__init__(address, f"connection lost while {doing}: {why}", next_step=_AGAIN)
        self.why = why


class DeadlinePassed(SshError):
    """It took longer than it may."""

    def __init__(self, address: Address, doing: str, seconds: float, *, detail: str = "") -> None:
        super().__init__(
            address,
            f"{doing} took longer than {round(seconds, 1):g} s{f' ({detail})' if detail else ''}",
            next_step=f"see what the host is busy with, then {_AGAIN}",
        )
        self.seconds = seconds


class CommandFailed(SshError):
    """The command ran to its end and answered with a status that is not 0."""

    def __init__(
        self, address: Address, command: str, status: int, stdout: bytes, stderr: bytes
    ) -> None:
        said = last_of(stderr) or last_of(stdout)
        super().__init__(
            address,
            f"`{shortened(command)}` ended with status {status}{f': {said}' if said else ''}",
            next_step="look at what the host says, put it right, then repeat the command",
        )
        self.status = status
        self.stdout = stdout
        self.stderr = stderr


class RemoteDiskFull(SshError):
    """The file was not put in place, and what had arrived of it is removed."""

    def __init__(self, address: Address, path: str, needed: int | None, free: int | None) -> None:
        missing = "" if needed is None else f", which needs {needed} bytes"
        left = "" if free is None else f" ({free} bytes are free)"
        super().__init__(
            address,
            f"the disk is full{left}: {path}{missing} was not written, what was there before "
            "is unchanged",
            next_step="free space on the host, or give its role a larger disk, "
            "then repeat the command",
        )


class UploadDamaged(SshError):
    """What arrived is not what was sent; it was not put in place."""


class RemoteFileMissing(SshError):
    """There is no such file on the host."""


class RemoteFileTooLarge(SshError):
    """The file on the host is larger than the caller wants to read."""


class JobBusy(SshError):
    """A job of this name runs, with another command."""


def shortened(command: str) -> str:
    """A command's title or its first line, as far as a message can hold it."""
    line, _, rest = command.strip().partition("\n")
    if line.startswith("# "):
        return line[2 : _SHOWN_COMMAND + 2]
    return line[:_SHOWN_COMMAND] + ("…" if rest or len(line) > _SHOWN_COMMAND else "")


def last_of(output: bytes) -> str:
    """The last lines of an output, for a message."""
    text = output[-_SHOWN_OUTPUT:].decode(errors="replace").strip()
    return "; ".join(text.splitlines()[-3:])


def says_disk_full(stderr: bytes) -> bool:
    """Whether a tool of the host complained that it can't write (messages of LC_ALL=C)."""
    return b"No space left on device" in stderr or b"Disk quota exceeded" in stderr
