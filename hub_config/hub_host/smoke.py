"""A login that is tried before anybody comes: a seat of its own, a code, the form, a session."""

from __future__ import annotations

import time

import httpx

from hub_config.grading_process import Progress
from hub_config.people import Person
from hub_config.seats import add_seat, forget_seats, read_register
from hub_config.settings import HubSettings, Secrets
from hub_config.up import front_door, hub_api
from provisioning.errors import StepFailed

#: A robot by its name, so that a rehearsal would clear it away, too.
NAME = "robot-00"
#: For the whole of it, on a hub host that is busy with starting.
_SECONDS = 120.0


def refuse_no_login(settings: HubSettings, secrets: Secrets, progress: Progress) -> None:
    """StepFailed unless a seat code opens the hub. Leaves nothing behind.

    With another way to log in than seat codes there is no code to try: nothing is done.
    """
    if settings.login is not None:
        return
    progress("login", 0, 1, "trying one")
    _forget(settings, secrets)
    try:
        (issued,) = add_seat(settings.seats_file, Person(NAME, "", "attendee", NAME)).new_codes
        why = _log_in(front_door(settings), str(issued.code))
    finally:
        _forget(settings, secrets)
    if why:
        raise StepFailed(
            f"The hub runs, but a seat code does not open it: {why}",
            next_step=f"read {settings.state_home / 'logs' / 'hub.log'}, then `workshop up` again",
        )
    progress("login", 1, 1, "a seat code opens the hub")


def _log_in(door: str, code: str) -> str:
    """ "" or why not. The certificate is for the name that people type, not for this door."""
    deadline = time.monotonic() + _SECONDS
    why = "no answer"
    while time.monotonic() < deadline:
        with httpx.Client(
            base_url=door,
            timeout=_SECONDS,
            follow_redirects=True,
            verify=False,  # noqa: S501
            trust_env=False,
        ) as browser:
            try:
                why = _try(browser, code)
            except httpx.HTTPError as error:
                why = str(error) or type(error).__name__
        if not why:
            return ""
        time.sleep(0.5)
    return why


def _try(browser: httpx.Client, code: str) -> str:
    browser.get("/hub/login").raise_for_status()
    token = next((each.value for each in browser.cookies.jar if each.name == "_xsrf"), None)
    form = {"_xsrf": token or "", "username": "", "password": code}
    answer = browser.post("/hub/login", data=form, follow_redirects=False)
    if answer.status_code != httpx.codes.FOUND:
        return f"the login form answers {answer.status_code}"
    user = browser.get("/hub/api/user")
    found = user.json().get("name") if user.status_code == httpx.codes.OK else None
    return "" if found == NAME else f"the session after it answers {user.status_code}"


def _forget(settings: HubSettings, secrets: Secrets) -> None:
    if read_register(settings.seats_file).of(NAME) is not None:
        hub_api(settings, secrets).delete_user(NAME)
        forget_seats(settings.seats_file, [NAME])
