"""JupyterHub's traefik proxy, with a route file that the proxy's own account may read.

Runs in the hub's environment. Why traefik: docs/decisions/proxy.md.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jupyterhub_traefik_proxy.fileprovider import TraefikFileProviderProxy
from jupyterhub_traefik_proxy.traefik_utils import TraefikConfigFileHandler
from traitlets import observe

#: The folder is setgid: the proxy's group reads, seats don't.
ROUTES_MODE = 0o640


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

    @observe("dynamic_config_file")
    def _set_dynamic_config_file(self, change: Any) -> None:
        self.dynamic_config_handler = RoutesFile(self.dynamic_config_file)
