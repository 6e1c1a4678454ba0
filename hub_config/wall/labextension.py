"""How messages come into everybody's JupyterLab: a prebuilt extension, written by hand.

JupyterLab loads `static/notices.js` as a container of webpack's module federation; the file
speaks that small protocol itself (`init`, `get`), so that nobody needs Node to build it. See
"Prebuilt extensions" in JupyterLab's documentation for extension developers.
"""

from __future__ import annotations

import json
from pathlib import Path

NAME = "workshop-notices"
_SCRIPT = Path(__file__).parent.parent / "templates" / "wall" / "notices.js"


def labextension(folder: Path) -> dict[Path, str]:
    """{path: text}; `folder` is one of `LabApp.extra_labextensions_path`."""
    package = {
        "name": NAME,
        "version": "1.0.0",
        "description": "Messages of the instructor",
        "jupyterlab": {
            "extension": True,
            "_build": {"load": "static/notices.js", "extension": "./extension"},
        },
    }
    return {
        folder / NAME / "package.json": json.dumps(package, indent=2) + "\n",
        folder / NAME / "static" / "notices.js": _SCRIPT.read_text(encoding="utf-8"),
    }
