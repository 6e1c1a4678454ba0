"""The wall's own file as text, and where its part of everybody's JupyterLab lies."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from hub_config.settings import HubSettings
from hub_config.wall.config import wall_config

#: An entry of JupyterLab's menu Help.
HELP_MENU: Final[dict[str, Any]] = {
    "id": "jp-mainmenu-help",
    "items": [
        {
            "command": "help:open",
            "args": {
                "text": "Ask for Help",
                "url": "/services/wall/help",
                "newBrowserTab": True,
            },
            "rank": 0,
        }
    ],
}


def wall_files(settings: HubSettings) -> dict[Path, str]:
    """{path: text} of what only the hub's host has."""
    told = json.dumps(wall_config(settings), indent=2, sort_keys=True) + "\n"
    return {settings.state_home / "wall.json": told}


def labextensions(settings: HubSettings) -> Path:
    """One of JupyterLab's folders of extensions, for every seat: a part of its configuration."""
    return settings.seat.config / "labextensions"
