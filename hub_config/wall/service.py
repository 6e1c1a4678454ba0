"""The wall as a service of the hub: `python -m hub_config.wall.service --config FILE`."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import secrets
import signal
from datetime import UTC, datetime, timedelta
from pathlib import Path

from jupyterhub.services.auth import HubOAuth
from tornado.httpserver import HTTPServer
from tornado.routing import URLSpec
from tornado.web import Application, RedirectHandler, RequestHandler

from hub_config.login_callback import Callback
from hub_config.wall import handlers
from hub_config.wall.config import WallConfig, read_config
from hub_config.wall.help_desk import HelpDesk
from hub_config.wall.messages import Messages
from hub_config.wall.no_answer import NoAnswerPage
from hub_config.wall.presence import Presence
from hub_config.wall.showing import Showing
from hub_config.wall.wishes import Wishes

#: Nobody posts more than a short text.
_BODY_BYTES = 1 << 14
#: Older calls for help are those of another day.
_CALLS_STAND = timedelta(hours=12)


class Health(RequestHandler):
    """Open to everybody: the service runs."""

    def get(self) -> None:
        self.finish({"status": "ok"})


def make_parts(config: WallConfig) -> handlers.Parts:
    config.desk.mkdir(parents=True, exist_ok=True)
    calls = HelpDesk(config.desk / "help.json")
    calls.forget(datetime.now(UTC) - _CALLS_STAND)
    showing = Showing(
        facts=config.facts,
        desk=config.desk,
        calls=calls,
        messages=Messages(config.desk / "messages.json"),
        wishes=Wishes(config.desk),
        presence=Presence(),
        clock=lambda: datetime.now(UTC),
    )
    strict = HubOAuth.instance(cache_max_age=config.staff_seconds)
    patient = HubOAuth(cache_max_age=config.attendee_seconds)
    # A login that one of them begins, the callback's may end.
    patient._oauth_states = strict._oauth_states
    return handlers.Parts(config, showing, strict, patient)


def make_app(parts: handlers.Parts, prefix: str) -> Application:
    given: dict[str, object] = {"parts": parts}
    routes: list[tuple[str, type[RequestHandler], dict[str, object]]] = [
        (r"health", Health, {}),
        (r"oauth_callback", Callback, {}),
        (r"", handlers.WallPage, given),
        (r"state", handlers.State, given),
        (r"messages", handlers.NewMessage, given),
        (r"messages/gone", handlers.MessageGone, given),
        (r"done", handlers.HelpDone, given),
        (r"extend", handlers.Extend, given),
        (r"help", handlers.AskForHelp, given),
        (r"notices", handlers.Notices, given),
        (r"no-answer/(\d+)", NoAnswerPage, {"copy_minutes": parts.config.copy_minutes}),
    ]
    return Application(
        [
            URLSpec(prefix.rstrip("/"), RedirectHandler, {"url": prefix}),
            *(URLSpec(prefix + path, handler, kwargs) for path, handler, kwargs in routes),
        ],
        # Logins at this service end with the process; the hub renews them without a question.
        cookie_secret=secrets.token_bytes(32),
        xsrf_cookies=True,
    )


async def serve(config: WallConfig, prefix: str) -> None:
    """Serve until SIGTERM or SIGINT."""
    server = HTTPServer(make_app(make_parts(config), prefix), max_body_size=_BODY_BYTES)
    server.listen(config.port, config.bind)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await stop.wait()
    server.stop()
    await server.close_all_connections()


def quieten() -> None:
    """300 browsers ask several times a minute: no line for each of their requests.

    Browsers don't say how a request came about when the hub has no TLS. JupyterHub then lets
    reading requests pass and warns, each time; what changes something still needs its token.
    """
    logging.getLogger("tornado.access").setLevel(logging.ERROR)
    application = logging.getLogger("tornado.application")
    application.setLevel(logging.WARNING)
    application.addFilter(lambda record: "Skipping XSRF check" not in record.getMessage())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", type=Path, required=True, help="JSON file, see config.py")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    quieten()
    os.umask(0o077)
    asyncio.run(serve(read_config(arguments.config), os.environ["JUPYTERHUB_SERVICE_PREFIX"]))


if __name__ == "__main__":
    main()
