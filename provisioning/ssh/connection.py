"""The only importer of paramiko: a verified connection to one host, used by several threads."""

from __future__ import annotations

import contextlib
import logging
import socket
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import paramiko
from paramiko.pkey import UnknownKeyType
from paramiko.ssh_exception import IncompatiblePeer

from provisioning.ssh.deadline import Deadline
from provisioning.ssh.errors import (
    CommandFailed,
    ConnectionLost,
    DeadlinePassed,
    HostKeyChanged,
    KeyUnusable,
    LoginRefused,
    TooManySessions,
    Unreachable,
)
from provisioning.ssh.guard import guarded
from provisioning.ssh.host_tasks import HostTasks
from provisioning.ssh.kept_output import KEPT_BYTES, Finished
from provisioning.ssh.login import ALGORITHMS, HostKey, Login, pinned_keys
from provisioning.ssh.remote_command import on_host
from provisioning.ssh.sockets import DEAD_AFTER, open_socket, reason
from provisioning.ssh.talk import About, Talk

#: sshd's default MaxSessions: it refuses the next one, so we let it wait for its turn.
MOST_SESSIONS = 10
#: AES-GCM needs no separate MAC: the fastest that OpenSSH and paramiko share.
_CIPHERS: Final = (
    "aes128-gcm@openssh.com",
    "aes256-gcm@openssh.com",
    "aes128-ctr",
    "aes256-ctr",
)
#: How often paramiko looks up from a silent connection whether it should end. It sets 0.1 s,
#: which makes fifty connections wake us 500 times a second; ours end by their sockets, at once.
_LOOK_UP_SECONDS = 1.0
_BROKEN: Final = (paramiko.SSHException, EOFError, OSError)


def connect(login: Login, *, seconds: float, dead_after: float = DEAD_AFTER) -> Connection:
    """Log in within `seconds`, or raise an SshError (or KeyUnusable, HostKeyUnreadable).

    `dead_after`: seconds without any sign of life after which the connection counts as lost.
    """
    deadline = Deadline(seconds)
    key = _private_key(login.key_file)
    pinned = pinned_keys(login)
    opened = open_socket(login.address, deadline, dead_after=dead_after)
    try:
        transport = _transport(opened, pinned)
        try:
            _shake_hands(transport, login, pinned, deadline)
            _log_in(transport, login, key, deadline)
            opened.settimeout(_LOOK_UP_SECONDS)
        except BaseException:
            transport.close()
            raise
    except BaseException:
        opened.close()
        raise
    return Connection(login, transport, opened)


class Connection(HostTasks):
    """A host that we are logged in to; close it, or use it in a `with`. Threads may share it.

    Commands run as root unless told otherwise: through sudo when the login is another user.
    `seconds` is always the total for the call. When it is over, the command is ended on the
    host as well, and the connection can be used on. Only when it takes no bytes any more is it
    cut, and every call on it raises ConnectionLost: connect again.
    """

    def __init__(self, login: Login, transport: paramiko.Transport, opened: socket.socket) -> None:
        self.login = login
        self._transport = transport
        self._socket = opened
        self._turns = threading.BoundedSemaphore(MOST_SESSIONS)
        self._channels: set[paramiko.Channel] = set()
        self._ended: str | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self, why: str = "we closed it") -> None:
        """End the connection now, and every call on it, whichever thread it is in."""
        self._ended = self._ended or why
        with contextlib.suppress(OSError):  # it may not be connected any more
            self._socket.shutdown(socket.SHUT_RDWR)
        self._transport.close()
        for channel in tuple(self._channels):
            channel.event.set()  # paramiko waits for it without a limit

    def run(
        self,
        command: str,
        *,
        seconds: float,
        stdin: bytes = b"",
        check: bool = True,
        root: bool = True,
        keep: int = KEPT_BYTES,
    ) -> Finished:
        """Run a /bin/sh command to its end; of each stream, `keep` bytes are kept.

        The command stands in the host's process list: give secrets by `stdin`.
        Raises CommandFailed for a status other than 0 if `check`, and SshErrors.
        """
        with self.talk(command, seconds=seconds, root=root, keep=keep) as talk:
            done = talk.finish((stdin,) if stdin else ())
        if check and done.status != 0:
            raise CommandFailed(self.login.address, command, done.status, done.stdout, done.stderr)
        return done

    @contextlib.contextmanager
    def talk(
        self,
        command: str,
        *,
        seconds: float,
        root: bool = True,
        keep: int = KEPT_BYTES,
        on_stderr: Callable[[bytes], None] = lambda found: None,
    ) -> Iterator[Talk]:
        """A command that we write to and read from while it runs; see `Talk` for `on_stderr`.

        At most 10 run at once (what sshd allows by default), the next one waits for its turn.
        """
        deadline = Deadline(seconds)
        about = About(self.login.address, command, deadline, self._why_lost, _BROKEN)
        why = f"{about.what} got no answer by its deadline"
        with self._turn(about), guarded(deadline, partial(self.close, why)) as watched:
            channel = self._open(about)
            watched.append(channel)
            self._channels.add(channel)
            try:
                user = self.login.address.user
                line = on_host(command, user=user, root=root, seconds=deadline.left)
                self._start(channel, line, about)
                yield Talk(channel, about, keep=keep, on_stderr=on_stderr)
            except Exception:
                raise
            except BaseException:
                self.close("we were interrupted")  # closing in good order might take long
                raise
            finally:
                with contextlib.suppress(*_BROKEN):  # a lost connection can't be told
                    channel.close()
                self._channels.discard(channel)

    @contextlib.contextmanager
    def _turn(self, about: About) -> Iterator[None]:
        if not self._turns.acquire(timeout=about.deadline.left):
            detail = f"it waited for one of {MOST_SESSIONS} sessions on this connection"
            raise self._too_late(about, detail)
        try:
            yield
        finally:
            self._turns.release()

    def _open(self, about: About) -> paramiko.Channel:
        """A new session; one that the server refuses is asked for again until the deadline."""
        pause = 0.05
        while True:
            try:
                return self._transport.open_session(timeout=about.deadline.left)
            except _BROKEN as error:
                if not self._transport.is_active() or about.deadline.passed:
                    raise self._not_started(about, error) from error
                # A session that just ended may still count for the server.
                if about.deadline.left < pause:
                    raise TooManySessions(self.login.address, str(error)) from error
            threading.Event().wait(pause)
            pause = min(0.5, pause * 2)

    def _start(self, channel: paramiko.Channel, line: str, about: About) -> None:
        try:
            channel.exec_command(line)
        except _BROKEN as error:
            raise self._not_started(about, error) from error

    def _not_started(self, about: About, error: Exception) -> ConnectionLost | DeadlinePassed:
        if about.deadline.passed:
            return self._too_late(about, "the SSH server didn't answer")
        why = self._why_lost() or str(error) or "the SSH server refused to run a command"
        return ConnectionLost(self.login.address, f"{about.what} was started", why)

    def _too_late(self, about: About, detail: str) -> DeadlinePassed:
        seconds = about.deadline.seconds
        return DeadlinePassed(self.login.address, about.what, seconds, detail=detail)

    def _why_lost(self) -> str | None:
        """Why the connection ended; None while it is up."""
        # paramiko closes a broken connection's channels a moment before it admits the breach.
        self._transport.join(0.2)
        if self._ended is None and not self._transport.is_active():
            error = self._transport.get_exception()
            self._ended = _said(error) or "the host closed it"
        return self._ended


def _private_key(path: Path) -> paramiko.PKey:
    try:
        return paramiko.PKey.from_path(path)
    except FileNotFoundError:
        why, step = "there is no such file", "check the path of the key"
    except (TypeError, paramiko.PasswordRequiredException):
        why = "it is protected by a passphrase, and nobody is there to type it"
        step = "make a key for this workshop alone: ssh-keygen -t ed25519 -N '' -f KEYFILE"
    except (OSError, ValueError, paramiko.SSHException, UnknownKeyType) as error:
        why, step = str(error) or "it is not a private key", "check the path of the key"
    raise KeyUnusable(f"The private key {path} can't be used: {why}.", next_step=step)


def _transport(opened: socket.socket, pinned: tuple[HostKey, ...]) -> paramiko.Transport:
    """A transport that negotiates only the kinds of host keys that we know."""
    log = logging.getLogger("workshop.ssh")
    if log.level == logging.NOTSET:
        log.setLevel(logging.CRITICAL)  # else paramiko's tracebacks go to the terminal
    transport = paramiko.Transport(opened)
    transport.set_log_channel("workshop.ssh")
    options = transport.get_security_options()
    options.ciphers = _CIPHERS
    kinds = dict.fromkeys(key.kind for key in pinned)
    options.key_types = tuple(name for kind in kinds for name in ALGORITHMS[kind])
    return transport


def _shake_hands(
    transport: paramiko.Transport, login: Login, pinned: tuple[HostKey, ...], deadline: Deadline
) -> None:
    """Negotiate the encryption and see that it is one of our hosts."""
    transport.banner_timeout = deadline.left + 1
    transport.handshake_timeout = deadline.left + 1
    done = threading.Event()
    transport.start_client(event=done)
    _wait(transport, done, deadline)
    known = tuple(str(key) for key in pinned)
    if not transport.is_active():
        error = transport.get_exception()
        if isinstance(error, IncompatiblePeer) and "host key" in str(error):
            raise HostKeyChanged(login.address, "no key of the kind that we know", known)
        raise Unreachable(login.address, _said(error) or "the host closed the connection")
    if not done.is_set():
        why = f"something accepts connections, but no SSH server answered in {deadline}"
        raise Unreachable(login.address, why)
    shown = transport.get_remote_server_key()
    if shown.asbytes() not in {key.blob for key in pinned}:
        found = str(HostKey(shown.get_name(), shown.asbytes()))
        raise HostKeyChanged(login.address, found, known)


def _log_in(
    transport: paramiko.Transport, login: Login, key: paramiko.PKey, deadline: Deadline
) -> None:
    done = threading.Event()
    try:
        transport.auth_publickey(login.address.user, key, event=done)
        _wait(transport, done, deadline)
    except _BROKEN as error:
        raise Unreachable(login.address, f"it broke during the login: {_said(error)}") from error
    if transport.is_authenticated():
        return
    refusal = transport.get_exception()
    if isinstance(refusal, paramiko.AuthenticationException) and str(refusal):
        raise LoginRefused(login.address, str(refusal).rstrip("."))
    if not transport.is_active():
        raise LoginRefused(login.address, "it closed the connection while we logged in")
    if done.is_set():
        raise LoginRefused(login.address, "it doesn't accept our key")
    raise Unreachable(login.address, f"no answer to our login in {deadline}")


def _wait(transport: paramiko.Transport, done: threading.Event, deadline: Deadline) -> None:
    """Until paramiko is done, has failed, or the deadline is over."""
    while not done.wait(min(0.1, deadline.left)) and transport.is_active():
        if deadline.passed:
            return


def _said(error: Exception | None) -> str:
    match error:
        case None | EOFError():
            return ""
        case OSError():
            return reason(error)
        case _:
            return str(error)
