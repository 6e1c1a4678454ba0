"""JupyterHub's traefik proxy, with a route file that the proxy's own account may read, and a page
of ours where a server does not answer.

Runs in the hub's environment. Why traefik: docs/decisions/proxy.md.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from jupyterhub_traefik_proxy.fileprovider import TraefikFileProviderProxy
from jupyterhub_traefik_proxy.traefik_utils import TraefikConfigFileHandler
from traitlets import Unicode, default, observe

#: The folder is setgid: the proxy's group reads, seats don't.
ROUTES_MODE = 0o640
#: What traefik answers itself when a server refuses, is gone, or lets it wait.
NO_ANSWER = ("502", "504")
#: Services answer for themselves: the formgrader has a page of its own that is a 502.
SERVICES = "/services/"


class RoutesFile(TraefikConfigFileHandler):
    """Replaces the file whole, like its parent, but leaves it readable for the group."""

    def atomic_dump(self, data: dict[str, Any]) -> None:
        draft = Path(f"{self.file_path}.new")
        draft.touch(ROUTES_MODE)
        draft.chmod(ROUTES_MODE)
        with draft.open("w") as stream:
            self._dump(data, stream)
        draft.replace(self.file_path)


class WorkshopTraefik(TraefikFileProviderProxy):
    """The hub (root) writes routes; traefik (another account) reads them."""

    no_answer_page = Unicode(
        help="Address of what people get in place of traefik's two words when the hub or a seat "
        "does not answer; traefik fills in {status} and {url}. None: those two words."
    ).tag(config=True)

    @observe("dynamic_config_file")
    def _set_dynamic_config_file(self, change: Any) -> None:
        self.dynamic_config_handler = RoutesFile(self.dynamic_config_file)

    @default("extra_dynamic_config")
    def _with_the_page(self) -> dict[str, Any]:
        """Traefik's `errors` middleware, and the server that it asks for the page."""
        if not self.no_answer_page:
            return {}
        parts = urlsplit(self.no_answer_page)
        path = f"{parts.path}?{parts.query}"
        errors = {"status": list(NO_ANSWER), "service": "no-answer", "query": path}
        server = {"url": f"{parts.scheme}://{parts.netloc}"}
        return {
            "http": {
                "middlewares": {"no-answer": {"errors": errors}},
                "services": {"no-answer": {"loadBalancer": {"servers": [server]}}},
            }
        }

    def _dynamic_config_for_route(
        self, routespec: str, target: str, data: Any
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        told, kept = super()._dynamic_config_for_route(routespec, target, data)
        if self.no_answer_page and not routespec.startswith(SERVICES):
            for router in told["http"]["routers"].values():
                router["middlewares"] = ["no-answer"]
        return told, kept
