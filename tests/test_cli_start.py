"""The command line starts fast: what only some commands need is imported by those commands."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

_SOURCE = Path(__file__).parent.parent


def test_the_command_line_starts_without_the_client_of_aws() -> None:
    """It takes a third of a second to import, and a workshop on this machine never needs it."""
    code = "import sys, cli; print(*sorted({name.split('.')[0] for name in sys.modules}))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=_SOURCE, capture_output=True, text=True, check=True
    )
    loaded = done.stdout.split()
    assert "provisioning" in loaded
    assert not {"boto3", "botocore"} & set(loaded)
