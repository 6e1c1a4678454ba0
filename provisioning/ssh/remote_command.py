"""How a command is written for the host: as root, with a fixed language, and with an end."""

from __future__ import annotations

import math
import re
from shlex import quote

_ONE_LINE = {ord("\n"): " ", ord("\r"): " "}
#: What sudo says when it wants a password or knows nothing of the user; or isn't there.
_SUDO_REFUSES = re.compile(
    rb"^sudo: .*(password is required|terminal is required|not allowed|not in the sudoers)"
    rb"|is not in the sudoers file|may not run sudo|sudo: (command )?not found",
    re.MULTILINE,
)


def script(title: str, body: str, **values: object) -> str:
    """A /bin/sh script: `values` as its variables, then `body`; errors call it by its `title`."""
    variables = "".join(f"{name}={quote(str(value))}\n" for name, value in values.items())
    return f"# {title.translate(_ONE_LINE)}\n{variables}{body}"


def on_host(command: str, *, user: str, root: bool, seconds: float) -> str:
    """`command` (for /bin/sh) as the string that we ask sshd to run.

    `timeout` ends it on the host a little after we stop waiting for it: closing the channel
    alone would let it run on. A signal becomes a status above 128, so it isn't mistaken for
    a lost connection.
    """
    sudo = "sudo -n -H " if root and user != "root" else ""
    limit = math.ceil(seconds) + 1
    return f"{sudo}env LC_ALL=C.UTF-8 timeout -k 5 {limit} /bin/sh -c {quote(command)}; exit $?"


def sudo_refusal(status: int, stderr: bytes) -> str | None:
    """sudo's sentence if it, and not the command, gave this answer."""
    if status not in (1, 127) or not _SUDO_REFUSES.search(stderr):
        return None
    return stderr.decode(errors="replace").strip().splitlines()[-1]
