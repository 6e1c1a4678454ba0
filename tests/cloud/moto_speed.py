"""Things that moto works out anew for each request or account, remembered."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from moto.core import base_backend, responses
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app


def remember() -> None:
    """Call it once: a third of the time of each request is looking up names of methods."""
    module: Any = responses
    if not hasattr(module.method_names_from_class, "cache_clear"):
        module.method_names_from_class = cache(module.method_names_from_class)
        session: Any = base_backend.AccountSpecificBackend.get_session()
        session.get_available_regions = cache(session.get_available_regions)


class MotoApplication:
    """Moto's server, which remembers the application of each service."""

    def __init__(self) -> None:
        self._dispatcher = DomainDispatcherApplication(create_backend_app)
        self._applications: dict[str, Callable[..., Any]] = {}

    def of(self, service: str, environ: dict[str, Any]) -> Callable[..., Any]:
        """The WSGI application for a service; `environ` is a request to it."""
        if service not in self._applications:
            self._applications[service] = self._dispatcher.get_application(environ)
        return self._applications[service]
