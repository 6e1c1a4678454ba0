"""Where the hub sends a browser back after it logged in for one of our services."""

from __future__ import annotations

from http import HTTPStatus

from jupyterhub.services.auth import HubOAuthCallbackHandler
from tornado.web import HTTPError


class Callback(HubOAuthCallbackHandler):
    """JupyterHub's, for services whose pages may log in at the same moment."""

    async def prepare(self) -> None:
        # Asks the hub without blocking; `current_user` then finds the answer.
        await self.hub_auth.get_user(self, sync=False)

    async def get(self) -> None:
        """Two pages of a browser that begin at once know one cookie: who lost it begins anew.

        JupyterHub gives the second a cookie of its own only if the first one's is there when it
        asks. A page that looks for notices does so at any time.
        """
        try:
            await super().get()
        except HTTPError as error:
            if error.status_code != HTTPStatus.FORBIDDEN:
                raise
            # Our own record of what was asked for, not what the address says.
            self.redirect(self.hub_auth.get_next_url(self.get_argument("state", "")))
