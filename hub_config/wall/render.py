"""The view as HTML. Names and messages are hostile: the templates escape every one."""

from __future__ import annotations

import base64
import hashlib
from datetime import UTC, datetime
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from hub_config.wall.view import Wall

_ROOT = Path(__file__).parent.parent / "templates"
#: Parts of the page that are replaced while it is open.
SECTIONS = ("headline", "troubles", "seats", "heat", "help", "queue", "hosts", "money", "messages")


def _environment() -> Environment:
    environment = Environment(
        # Pages for attendees look like those of the exchange.
        loader=FileSystemLoader([_ROOT / "wall", _ROOT / "exchange"]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["iso"] = _iso
    environment.filters["utc"] = _utc
    return environment


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds")


def _utc(moment: datetime) -> str:
    """For browsers without script; the page's script turns it into the room's own time."""
    return f"{moment.astimezone(UTC):%H:%M} UTC"


_TEMPLATES = _environment()


def sections(wall: Wall) -> dict[str, str]:
    """{name: HTML} of every part that changes while the page is open."""
    return {name: _TEMPLATES.get_template(f"{name}.html").render(wall=wall) for name in SECTIONS}


def page(wall: Wall, xsrf: str) -> str:
    """The whole page, complete at once: the script only keeps it fresh."""
    parts = {name: Markup(html) for name, html in sections(wall).items()}  # noqa: S704 - ours
    return _TEMPLATES.get_template("wall.html").render(
        wall=wall, parts=parts, xsrf=xsrf, style=_own("wall.css"), script=_own("wall.js")
    )


def small_page(template: str, **values: object) -> str:
    """A page without script, such as the one on which an attendee asks for help."""
    return _TEMPLATES.get_template(template).render(**values)


def _own(name: str) -> Markup:
    """A file of ours, as it is: the only text on the page that nothing escapes."""
    return Markup((_ROOT / "wall" / name).read_text(encoding="utf-8"))  # noqa: S704


def _hash(name: str) -> str:
    digest = hashlib.sha256(_own(name).encode()).digest()
    return "sha256-" + base64.b64encode(digest).decode()


#: Our style and our script by their hashes, our own address, and nothing else from anywhere.
WALL_POLICY = "; ".join(
    (
        "default-src 'none'",
        f"style-src '{_hash('wall.css')}'",
        f"script-src '{_hash('wall.js')}'",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
#: Pages that run no script at all.
SMALL_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'"
)
