"""Who is asking: what the hub says about the token, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from jupyterhub.services.auth import HubOAuth
from pydantic import TypeAdapter, ValidationError
from tornado.web import HTTPError, RequestHandler

from hub_config.exchange.errors import HubUnreachable, NoRight, NotSignedIn
from hub_config.exchange.records import Username

_USERNAME = TypeAdapter(Username)


@dataclass(frozen=True)
class Caller:
    """The owner of the token. A service has no work of its own."""

    name: str
    is_service: bool
    is_instructor: bool

    def own_name(self) -> str:
        """The name under which this caller's work is filed."""
        if self.is_service:
            raise NoRight(
                f"{self.name!r} is a service of the hub and has no work of its own.",
                next_step="Submit from an attendee's seat.",
            )
        return self.name

    def require_instructor(self) -> None:
        if not self.is_instructor:
            raise NoRight("Only instructors may do this.", next_step="Ask the instructor.")

    def require_owner(self, username: str) -> None:
        """Let through the owner and instructors."""
        if self.is_service or self.name != username:
            self.require_instructor()


@dataclass(frozen=True)
class Instructors:
    """Who counts as an instructor: users of these groups, and these services."""

    groups: frozenset[str]
    services: frozenset[str]

    def include(self, model: dict[str, Any]) -> bool:
        if model["kind"] == "service":
            return model["name"] in self.services
        return not self.groups.isdisjoint(model.get("groups", ()))


class Identity:
    """Asks the hub about tokens; the answers are kept for a few seconds."""

    def __init__(self, hub: HubOAuth, instructors: Instructors) -> None:
        self._hub = hub
        self._instructors = instructors

    async def by_token(self, handler: RequestHandler) -> Caller:
        """The caller of an API request. Cookies don't count here, so no page can forge one."""
        token = self._hub.get_token(handler, in_cookie=False)
        if not token:
            raise NotSignedIn(
                "The request carries no hub token.",
                next_step="Send the header `Authorization: token <token>`.",
            )
        try:
            model = await self._hub.user_for_token(token, sync=False)
        except HTTPError as error:
            raise HubUnreachable(
                "The hub didn't answer, so nobody can be let in.", next_step="Try again soon."
            ) from error
        if not model:
            raise NotSignedIn(
                "The hub doesn't know this token.",
                next_step="Restart your server from the hub's control panel, then try again.",
            )
        return self.caller(model)

    def caller(self, model: dict[str, Any]) -> Caller:
        """The caller whom the hub describes; NoRight without the scope for this service."""
        if not self._hub.check_scopes(self._hub.access_scopes, model):
            raise NoRight(
                "This token may not use the exchange.",
                next_step="It needs the hub's scope access:services!service=exchange.",
            )
        is_service = model["kind"] == "service"
        try:
            name = model["name"] if is_service else _USERNAME.validate_python(model["name"])
        except ValidationError:
            raise NoRight(
                f"The user name {model['name']!r} can't be used for submissions.",
                next_step="Ask the instructor for a name of letters, digits, dots and dashes.",
            ) from None
        return Caller(name, is_service, self._instructors.include(model))
