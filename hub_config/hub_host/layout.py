"""Where things lie on the hosts of a workshop: the same paths on each, so that a path in the
hub's settings means the same on the hub host and on every host with seats."""

from __future__ import annotations

from pathlib import Path
from typing import Final

WORKSHOP: Final = Path("/opt/workshop")
#: Shipped environments: NAME is a link to the version in use, NAME-IDENTITY.
ENVIRONMENTS: Final = WORKSHOP / "environments"
#: Our own code, a folder for each version; `current` is the one in use.
LIBRARY: Final = WORKSHOP / "library"
#: On the hub host: workshop.yaml, roster and course as the instructor has them (0700).
GIVEN: Final = WORKSHOP / "given"
#: On the hub host: the state folder of every workshop there.
STATE: Final = Path("/var/lib/workshop")
CURRENT: Final = "current"
#: The environment that everything of ours runs in.
HUB_ENVIRONMENT: Final = "hub"
PYTHON: Final = ENVIRONMENTS / HUB_ENVIRONMENT / "bin" / "python"
#: How the hub host is called among the hosts of a workshop.
HUB_HOST: Final = "hub"
