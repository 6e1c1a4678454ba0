"""The threshold of the translation lab, over many seeds.

    python margins.py --seeds N      (in this folder, with the course's kernel)

Trains the lab's network with N seeds and asks each to translate fresh sentences, made by
make_data.py. Prints one JSON object: what -> its threshold and one value for each seed.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import random
import re
import sys
from pathlib import Path

os.environ["MPLBACKEND"] = "Agg"
sys.dont_write_bytecode = True

import make_data  # noqa: E402

CELLS = ("setup", "load_pairs", "valid_places", "attend", "translator", "train_model")


def cells_of_the_lab() -> dict[str, str]:
    """The cells named in CELLS, by their grade_id."""
    found = {}
    for cell in Path("lab.py").read_text(encoding="utf-8").split("# %%")[1:]:
        head, _, source = cell.partition("\n")
        name = re.search(r'"grade_id": "(\w+)"', head)
        if name and name.group(1) in CELLS:
            found[name.group(1)] = source
    return found


def fresh_triples(lab: dict, seed: int) -> list[list[list[int]]]:
    """A thousand sentences that are not in the training data."""
    rng = random.Random(1000 + seed)
    known = {tuple(source) for source, _, _ in lab["train_triples"]}
    triples = []
    for english, german in make_data.different_pairs(rng, 1000):
        source = make_data.numbers(lab["english"], english)
        target = make_data.numbers(lab["german"], german)
        if tuple(source) not in known:
            triples.append([source, [1, *target], [*target, 2]])
    return triples


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=10)
    num_seeds = parser.parse_args().seeds
    sources, lab, values = cells_of_the_lab(), {"__name__": "lab"}, []
    for seed in range(num_seeds):
        with contextlib.redirect_stdout(io.StringIO()):
            for name in CELLS:
                source = sources[name].replace("mx.random.seed(2019)", f"mx.random.seed({seed})")
                exec(source.replace("num_epochs=10)", f"num_epochs=10, seed={seed})"), lab)
        values.append(round(lab["share_exact"](lab["model"], fresh_triples(lab, seed)), 4))
    json.dump({"fresh sentences without a mistake": {"threshold": 0.9, "values": values}}, sys.stdout)


if __name__ == "__main__":
    main()
