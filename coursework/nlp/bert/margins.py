"""The head on MiniLM's features and on a bag of words, for the threshold of check_head_features.

    python margins.py --seeds N        (in the lab's folder, in the course's kernel environment)

Each seed draws 200 reviews to learn from; the other 800 are asked. It executes the lab's own cells.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import sys

import numpy as np
from make_features import lab_cells

CELLS = ("setup", "load_reviews", "fit_head", "bag_of_words")
NUM_LABELS = 200


def main(num_seeds: int) -> dict[str, dict[str, object]]:
    lab = lab_cells(*CELLS)
    counts = lab["bag_of_words"]([text for _, text in lab["reviews"]])
    # Each on the epochs that are best for it: more don't help the one, fewer cost the other.
    setups = ((lab["features"], 100), (counts, 300))
    shares = np.array(
        [
            [lab["share_right"](X, lab["labels"], NUM_LABELS, seed, epochs) for X, epochs in setups]
            for seed in range(num_seeds)
        ]
    )
    return {
        "a head on MiniLM's features, 200 labels": {
            "threshold": 0.75,
            "values": shares[:, 0].round(4).tolist(),
        },
        "the same minus a bag of words": {
            "threshold": 0.05,
            "values": (shares[:, 0] - shares[:, 1]).round(4).tolist(),
        },
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=10)
    arguments = parser.parse_args()
    with contextlib.redirect_stdout(sys.stderr):  # the lab's cells print
        found = main(arguments.seeds)
    json.dump(found, sys.stdout)
