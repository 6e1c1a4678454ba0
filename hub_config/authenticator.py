"""Login by seat code.

Who a person is comes from the seat register alone, which is read again whenever its file
changes. The hub then brings its users in line with it: a reissued code ends the sessions
of the old one, a changed role changes the groups.

Runs in the hub's environment.
"""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from jupyterhub import orm
from jupyterhub.auth import Authenticator
from tornado.ioloop import PeriodicCallback
from tornado.web import HTTPError
from traitlets import Unicode

from hub_config.people import group_of
from hub_config.seat_code import EXAMPLE, parse_code
from hub_config.seats import Seat, SeatRegister, read_register
from hub_config.sessions import (
    NO_SEAT,
    current_issue,
    end_sessions,
    is_stale,
    stop_servers,
    sync_groups,
    user_info,
)
from hub_config.throttle import Throttle
from provisioning.errors import WorkshopError

WATCH_MILLISECONDS = 250

_MALFORMED = f"That is not a seat code. It looks like {EXAMPLE} and is printed on your card."
_WRONG = "This seat code is not right. Please compare it with your card, letter by letter."
_REMOVED = "Seat {number:02d} is no longer in use. Please ask the instructor."
_UNREADABLE = "The hub can't read its seats just now. Please tell the instructor."


class SeatAuthenticator(Authenticator):
    """One secret per seat, no account, the same code on any device."""

    seats_file = Unicode(help="The seat register").tag(config=True)

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.throttle = Throttle(time.monotonic)
        # Only the register says who may enter; JupyterHub's own lists stay empty.
        self.any_allow_config = True
        self.manage_groups = True
        self.auth_refresh_age = 1
        # A token of an older code must not pass even once: services remember it for minutes.
        self.auth_refresh_strict = True
        self._register = _CachedRegister(Path(self.seats_file))
        # Two cores' worth of hashing; more would starve the hub.
        self._hashing = ThreadPoolExecutor(2, thread_name_prefix="seat-code")
        self._stopping: set[asyncio.Task[None]] = set()
        self._seen: SeatRegister | None = None

    # --- login -----------------------------------------------------------------------

    async def authenticate(self, handler: Any, data: dict[str, str]) -> dict[str, Any]:
        """The person whose code was typed. Every refusal is an HTTPError that the page shows.

        Our form sends `code`; JupyterHub's own form and robots may send it as `password`.
        """
        code = parse_code(data.get("code") or data.get("password") or "")
        if code is None:
            raise HTTPError(403, _MALFORMED)
        address = client_address(handler)
        register = self._current_register()
        if wait := self.throttle.attempt(address, code.number):
            self.log.warning("Refused seat %s from %s: too many tries", code.number, address)
            raise _too_many(wait)
        loop = asyncio.get_running_loop()
        seat = await loop.run_in_executor(self._hashing, register.verify, code)
        if seat and seat != self._current_register().numbered(seat.number):
            seat = None  # the seat changed while we hashed: the code may be an old one
        if seat is None or data.get("username", "") not in ("", seat.username):
            self.log.warning("Refused seat %s from %s: wrong code", code.number, address)
            raise HTTPError(403, _WRONG)
        self.throttle.succeeded(address, code.number)
        if seat.removed:
            raise HTTPError(403, _REMOVED.format(number=seat.number))
        self._end_older_sessions(handler.find_user(seat.username), seat)
        return self._model(seat)

    def check_allowed(self, username: str, authentication: Any = None) -> bool:
        """Names in the register, and nobody else."""
        return current_issue(self._current_register().of(username)) != NO_SEAT

    async def refresh_user(self, user: Any, handler: Any = None) -> bool | dict[str, Any]:
        """Whether the session still belongs to the seat; asked about once a second per user."""
        seat = self._current_register().of(user.name)
        if is_stale(user, seat):
            self._end_older_sessions(user, seat)
            return False
        sync_groups(user, seat)
        return current_issue(seat) != NO_SEAT

    def _model(self, seat: Seat) -> dict[str, Any]:
        return {
            "name": seat.username,
            "admin": seat.username in self.admin_users,
            "groups": [group_of(seat.role)],
            "user_info": user_info(seat),
        }

    def _current_register(self) -> SeatRegister:
        """Without a register nobody enters."""
        try:
            return self._register.read()
        except (OSError, WorkshopError) as error:
            self.log.error("Seats can't be read: %s", error)
            raise HTTPError(503, _UNREADABLE) from error

    # --- sessions follow the register -----------------------------------------------------

    def get_handlers(self, app: Any) -> list[Any]:
        """Called once, when the hub is nearly ready: from now on, watch the register."""
        PeriodicCallback(lambda: self._follow(app), WATCH_MILLISECONDS).start()
        handlers: list[Any] = super().get_handlers(app)
        return handlers

    def _follow(self, app: Any) -> None:
        """Bring all users in line with a register that changed."""
        try:
            register = self._register.read()
        except (OSError, WorkshopError):
            return  # the next login says so
        if register is self._seen:
            return
        for orm_user in app.db.query(orm.User):
            seat = register.of(orm_user.name)
            user = app.users[orm_user]
            if is_stale(user, seat):
                self._end_older_sessions(user, seat)
            sync_groups(user, seat)
        self._seen = register

    def _end_older_sessions(self, user: Any, seat: Seat | None) -> None:
        """Sessions of an older code end at once, a running server in the background."""
        if user is None or not is_stale(user, seat):
            return
        self.log.warning("Ending the sessions of %s: the seat's code changed", user.name)
        end_sessions(user.db, user.orm_user, seat)
        task = asyncio.ensure_future(stop_servers(self.parent.proxy, user, self.log))
        self._stopping.add(task)
        task.add_done_callback(self._stopped)

    def _stopped(self, task: asyncio.Task[None]) -> None:
        self._stopping.discard(task)
        if not task.cancelled() and (error := task.exception()):
            self.log.error("A server of an old code could not be stopped: %s", error)


class _CachedRegister:
    """The register, read again when its file was replaced."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._mark: tuple[int, int, int] | None = None
        self._register = SeatRegister()

    def read(self) -> SeatRegister:
        status = self._path.stat()
        mark = (status.st_ino, status.st_mtime_ns, status.st_size)
        if mark != self._mark:
            self._register = read_register(self._path)
            self._mark = mark
        return self._register


def client_address(handler: Any) -> str:
    """The address our own proxy saw.

    Tornado would believe an X-Real-Ip that the client sent, so a guesser could pretend to
    come from anywhere. The last entry of X-Forwarded-For is the one that the proxy wrote.
    """
    forwarded = handler.request.headers.get("X-Forwarded-For", "")
    last: str = forwarded.split(",")[-1].strip()
    return last or str(handler.request.remote_ip)


def _too_many(wait: float) -> HTTPError:
    seconds = max(int(wait) + 1, 1)
    plural = "" if seconds == 1 else "s"
    error = HTTPError(429, f"Too many tries. Please wait {seconds} second{plural}, then try again.")
    error.headers = {"Retry-After": str(seconds)}  # type: ignore[attr-defined]
    return error
