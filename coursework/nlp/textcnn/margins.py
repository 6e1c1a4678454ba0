"""The accuracies behind the thresholds of check_network_learns.

    python margins.py --seeds 10        (in the course's kernel environment, in this folder)

Prints one JSON object: what is measured -> its threshold and one value for each seed. Runs the
lab's own cells; like the check, it gives all words new names: other weights for each seed.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import random
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.dont_write_bytecode = True
import make_data  # noqa: E402

CELLS = ("setup", "textcnn", "learning")
THRESHOLD = 0.92


def cells_of_the_lab(source: str) -> dict[str, Any]:
    """The names that the cells above bind."""
    names: dict[str, Any] = {}
    for cell in re.split(r"(?m)^# %%", source):
        header, _, body = cell.partition("\n")
        if any(f'"grade_id": "{name}"' in header for name in CELLS):
            with contextlib.redirect_stdout(io.StringIO()):
                exec(body, names)  # noqa: S102 - the lab's own text
    return names


def share_right(lab: dict[str, Any], learn: Callable[..., Any], seed: int) -> tuple[float, float]:
    """Right on the shipped new reviews and on fresh ones."""
    rng = random.Random(seed)  # noqa: S311 - no secret
    names: dict[str, str] = {}

    def renamed(text: str) -> str:
        return " ".join(names.setdefault(word, f"w{rng.randrange(10**9)}") for word in text.split())

    predict = learn([renamed(text) for text in lab["reviews"]], lab["labels"])
    fresh = make_data.reviews(600, make_data.GRAMMAR, rng, new=True)
    shipped = predict([renamed(text) for text in lab["new_reviews"]])
    answers = predict([renamed(text) for _, text in fresh])
    return (
        lab["share_right"](shipped, lab["new_labels"]),
        lab["share_right"](answers, [label for label, _ in fresh]),
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=10)
    seeds = parser.parse_args().seeds
    lab = cells_of_the_lab(Path(__file__).with_name("lab.py").read_text(encoding="utf-8"))
    each = [share_right(lab, lab["learn"], seed) for seed in range(seeds)]
    found = {
        "right on the new reviews": {"threshold": THRESHOLD, "values": [one for one, _ in each]},
        "right on fresh reviews": {"threshold": THRESHOLD, "values": [one for _, one in each]},
    }
    json.dump(found, sys.stdout)
