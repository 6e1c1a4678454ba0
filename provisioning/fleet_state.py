"""What one computer keeps about a fleet: its keys, the hosts' keys, and a random id.

Everything is below one folder (mode 0700). The cloud's tags are the truth; what is here can't
be had from them: the key that logs in, and the host keys that we expect to meet.

A host meets us with its *bootstrap* host key, which went to it in its user-data. After the
first contact the host has a key that it made itself; that one is *pinned*, and the bootstrap
key is forgotten. Between the two both are accepted, so the change can be interrupted anywhere.
"""

from __future__ import annotations

import json
import re
import secrets
import threading
from collections.abc import Callable, Iterable
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from provisioning.errors import StepFailed
from provisioning.folders import write_atomically
from provisioning.journal import Journal, utc_now
from provisioning.ssh.keys import KeyPair, ensure_key_pair, new_key_pair

#: The type's name and the length, in base64, then the 32 bytes of the key (RFC 8709).
_ED25519_LINE = re.compile(r"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI[A-Za-z0-9+/]{43}")


class StateDamaged(StepFailed):
    """A file of the fleet's state can't be read. No host was touched."""


class FleetState:
    """The state of one fleet in `folder`, usually `StatePaths.home / "fleet"`.

    Threads of one process may share it. Two processes are kept apart by the workshop's lock.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._changing = threading.Lock()

    @property
    def key_file(self) -> Path:
        """The private key that logs in to every host (0600). `ensure_key` makes it."""
        return self.folder / "key"

    @property
    def uid_file(self) -> Path:
        return self.folder / "uid"

    @property
    def host_keys_file(self) -> Path:
        return self.folder / "host-keys.json"

    def ensure_folder(self) -> Path:
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.folder.chmod(0o700)
        return self.folder

    def journal(self, *, clock: Callable[[], datetime] = utc_now) -> Journal:
        return Journal(self.ensure_folder() / "journal.jsonl", clock=clock)

    def uid(self) -> str:
        """A random id of this state folder: 16 hex digits, made when first asked for.

        It goes into client tokens, so that a workshop of the same name after a `down`, or on
        another computer, meets none of the tokens that were used before.
        """
        with self._changing:
            if not self.uid_file.exists():
                self._write(self.uid_file, secrets.token_hex(8).encode())
            return self.uid_file.read_text(encoding="ascii").strip()

    def ensure_key(self) -> str:
        """The public half ("ssh-ed25519 AAAA...") of the workshop's own key, made if missing.

        Raises: KeyUnusable when its file holds something else.
        """
        with self._changing:
            pair = ensure_key_pair(self.ensure_folder() / "key", "")
            return pair.public

    def host_keys(self, place: str, attempt: int) -> tuple[str, ...]:
        """The public lines that the machine may show: the bootstrap one, the pinned one, or both.

        None is known when this computer neither made nor met the machine: don't log in, replace
        it. Raises: StateDamaged.
        """
        known = self._known().get(_name(place, attempt), {})
        lines = ((known.get("bootstrap") or {}).get("public"), known.get("pinned"))
        return tuple(line for line in lines if line)

    def pinned(self, place: str, attempt: int) -> str | None:
        """The key that the host made itself, once it has been met."""
        line: str | None = self._known().get(_name(place, attempt), {}).get("pinned")
        return line

    def ensure_bootstrap(self, place: str, attempt: int) -> KeyPair:
        """The key pair for the machine's first contact, made if missing; the same ever after."""
        return KeyPair(**self._bootstraps([(place, attempt)])[0])

    def ensure_bootstraps(self, machines: Iterable[tuple[str, int]]) -> None:
        """The same for many places and attempts, in one write."""
        self._bootstraps(machines)

    def _bootstraps(self, machines: Iterable[tuple[str, int]]) -> list[dict[str, str]]:
        with self._changing:
            everything, changed = self._known(), False
            names = [_name(place, attempt) for place, attempt in machines]
            for name in names:
                known = everything.setdefault(name, {})
                if not known.get("bootstrap"):
                    known["bootstrap"], changed = asdict(new_key_pair("")), True
            if changed:
                self._write_known(everything)
            return [everything[name]["bootstrap"] for name in names]

    def pin(self, place: str, attempt: int, public: str) -> None:
        """From now on accept this line too ("ssh-ed25519 AAAA...", a comment is cut off)."""
        line = " ".join(public.split()[:2])
        if not _ED25519_LINE.fullmatch(line):
            raise ValueError(f"not a public ed25519 key: {line[:40]!r}")
        with self._changing:
            everything = self._known()
            everything.setdefault(_name(place, attempt), {})["pinned"] = line
            self._write_known(everything)

    def bootstrap_forgotten(self, place: str, attempt: int) -> bool:
        """Whether the machine has been met and only its own key is accepted."""
        known = self._known().get(_name(place, attempt), {})
        return bool(known.get("pinned")) and not known.get("bootstrap")

    def forget_bootstrap(self, place: str, attempt: int) -> None:
        """Remove the bootstrap key, which the user-data told to the host. Needs a pinned one."""
        with self._changing:
            everything = self._known()
            known = everything.get(_name(place, attempt), {})
            if not known.get("pinned"):
                raise ValueError(f"{place} has no pinned key: it couldn't be verified any more")
            if known.pop("bootstrap", None):
                self._write_known(everything)

    def forget_attempts(self, place: str, *, up_to: int) -> None:
        """Remove the host keys of a place's earlier machines, after they are gone for good."""
        with self._changing:
            everything = self._known()
            kept = {name: keys for name, keys in everything.items() if not _old(name, place, up_to)}
            if kept != everything:
                self._write_known(kept)

    def _known(self) -> dict[str, dict[str, Any]]:
        try:
            known = json.loads(self.host_keys_file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        except ValueError:
            known = None
        if not isinstance(known, dict):
            raise StateDamaged(
                f"{self.host_keys_file} is not what we wrote, so no host can be verified; "
                "the hosts themselves were left alone",
                next_step="restore the file, or delete it and replace the hosts "
                "(`workshop host replace`)",
            )
        return known

    def _write_known(self, known: dict[str, dict[str, Any]]) -> None:
        self._write(self.host_keys_file, json.dumps(known, indent=1, sort_keys=True).encode())

    def _write(self, path: Path, content: bytes) -> None:
        self.ensure_folder()
        write_atomically(path, content, mode=0o600)


def _name(place: str, attempt: int) -> str:
    return f"{place}/{attempt}"


def _old(name: str, place: str, up_to: int) -> bool:
    of_place, _, attempt = name.rpartition("/")
    return of_place == place and int(attempt) <= up_to
