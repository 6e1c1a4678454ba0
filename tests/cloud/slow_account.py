"""`python -m tests.cloud.slow_account SEED`: EC2 with namespace hosts behind it, slow as EC2 is.

Its own process, so that its computing time is not the product's. Prints the environment that
leads to it as one JSON line, and ends when its standard input does.
"""

from __future__ import annotations

import json
import os
import random
import sys

from tests.cloud.cloud import Cloud
from tests.cloud.machines.namespaces import NamespaceMachines
from tests.cloud.settings import Settings

#: From the answer of RunInstances to `running`, seconds: near to what people measure on EC2.
PENDING = (5.0, 15.0)


class Drawn(Settings):
    """Each instance takes its own time until it runs: drawn, and the same for the same seed."""

    def draw_from(self, seed: int) -> None:
        self._draw = random.Random(seed)

    def __getattribute__(self, name: str) -> object:
        if name == "pending_seconds":
            draw: random.Random = super().__getattribute__("_draw")
            return draw.uniform(*PENDING)
        return super().__getattribute__(name)


def main() -> None:
    settings = Drawn()
    settings.draw_from(int(sys.argv[1]))
    machines = NamespaceMachines()
    with Cloud(machines=machines, settings=settings) as cloud:
        print(json.dumps(cloud.environment()), flush=True)
        sys.stdin.read()
        machines.close()
        os._exit(0)  # ending fifty instances one by one takes minutes, and nobody looks


if __name__ == "__main__":
    main()
