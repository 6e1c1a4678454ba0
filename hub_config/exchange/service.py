"""The exchange as a service of the hub: `python -m hub_config.exchange.service --config FILE`."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import secrets
import signal
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from jupyterhub.services.auth import HubOAuth
from tornado.httpserver import HTTPServer
from tornado.routing import URLSpec
from tornado.web import Application, RedirectHandler, RequestHandler

from hub_config.exchange import api, handlers, material, newest_page, pages, uploads
from hub_config.exchange.arrivals import Arrivals
from hub_config.exchange.config import ServiceConfig, read_config
from hub_config.exchange.grading_desk import GradingDesk
from hub_config.exchange.identity import Identity, Instructors
from hub_config.exchange.store import Store
from hub_config.exchange.tickets import Tickets
from hub_config.login_callback import Callback
from provisioning.errors import NotPossibleHere, WorkshopError

# What the hub's own library reads. The token comes this way and never as an argument,
# which every account of the machine could read.
_NEEDED = (
    "JUPYTERHUB_API_TOKEN",
    "JUPYTERHUB_API_URL",
    "JUPYTERHUB_CLIENT_ID",
    "JUPYTERHUB_SERVICE_NAME",
    "JUPYTERHUB_SERVICE_PREFIX",
)
_JSON_BYTES = 1 << 16
_SLOW_UPLOAD_SECONDS = 300

ASSIGNMENT = r"(?P<assignment>[^/]+)"
SNAPSHOT = rf"{ASSIGNMENT}/(?P<username>[^/]+)/(?P<entry>[^/]+)"


def check_environment(environ: Mapping[str, str]) -> None:
    """Raise NotPossibleHere, naming what the supervisor has to set."""
    missing = [name for name in _NEEDED if not environ.get(name)]
    if missing:
        raise NotPossibleHere(
            f"The exchange service needs {', '.join(missing)} in its environment.",
            next_step="Start it as a service of the hub; see hub_config/exchange/__init__.py.",
        )


def make_parts(config: ServiceConfig, store: Store, hub: HubOAuth) -> handlers.Parts:
    instructors = Instructors(config.instructor_groups, config.instructor_services)
    tickets = Tickets(utc_now, config.ticket_lifetime, config.tickets_per_minute)
    desk = GradingDesk(Arrivals(store.snapshots()))
    return handlers.Parts(config, store, tickets, Identity(hub, instructors), desk)


def make_app(parts: handlers.Parts, prefix: str) -> Application:
    given: dict[str, object] = {"parts": parts}
    routes: list[tuple[str, type[RequestHandler], dict[str, object]]] = [
        (r"health", api.Health, {}),
        (r"api/assignments", api.Assignments, given),
        (r"api/arrivals", api.NewArrivals, given),
        (r"api/tickets", api.NewTicket, given),
        (r"api/uploads/(?P<ticket_id>[\w-]+)", uploads.SubmissionUpload, given),
        (rf"api/releases/{ASSIGNMENT}", material.ReleaseHandler, given),
        (rf"api/submissions/{ASSIGNMENT}", api.Submissions, given),
        (rf"api/submissions/{SNAPSHOT}", api.SubmissionArchive, given),
        (rf"api/feedback/{SNAPSHOT}", material.FeedbackHandler, given),
        (r"api/.*", handlers.NothingHere, given),
        (r"oauth_callback", Callback, {}),
        (r"feedback/", pages.FeedbackList, given),
        (r"feedback/newest", newest_page.NewestFeedback, given),
        (r"feedback/([^/]+)/([^/]+)/([^/]+)", pages.FeedbackPage, given),
        (r"report/", pages.Report, given),
        (r"report/([^/]+)", pages.Report, given),
        (r"(?:feedback)?", RedirectHandler, {"url": f"{prefix}feedback/"}),
        (r"report", RedirectHandler, {"url": f"{prefix}report/"}),
    ]
    return Application(
        [URLSpec(prefix + path, handler, kwargs) for path, handler, kwargs in routes],
        # Logins at this service end with the process; the hub renews them without a question.
        cookie_secret=secrets.token_bytes(32),
    )


def utc_now() -> datetime:
    return datetime.now(UTC)


async def serve(config: ServiceConfig, environ: Mapping[str, str]) -> None:
    """Serve until SIGTERM or SIGINT."""
    store = Store(config.store, utc_now, config.quota)
    await asyncio.to_thread(store.open)
    try:
        hub = HubOAuth.instance(cache_max_age=config.identity_seconds)
        app = make_app(make_parts(config, store, hub), environ["JUPYTERHUB_SERVICE_PREFIX"])
        server = HTTPServer(app, max_body_size=_JSON_BYTES, body_timeout=_SLOW_UPLOAD_SECONDS)
        server.listen(config.port, config.bind)
        await _until_told_to_stop()
        server.stop()
        await server.close_all_connections()
    finally:
        store.close()


async def _until_told_to_stop() -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await stop.wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", type=Path, required=True, help="JSON file, see config.py")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    os.umask(0o077)
    try:
        check_environment(os.environ)
        asyncio.run(serve(read_config(arguments.config), os.environ))
    except WorkshopError as error:
        # One line in the supervisor's log instead of a traceback.
        raise SystemExit(f"{error.message} {error.next_step}") from None


if __name__ == "__main__":
    main()
