"""The threshold of the language-model lab, over many seeds.

    python margins.py --seeds N      (in this folder, with the course's kernel)

Trains the lab's network with N seeds; the value is the bigram's perplexity on a fresh text, made by
make_data.py, divided by the network's. Prints one JSON object: what -> its threshold and one value
for each seed.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import math
import os
import random
import re
import sys
from pathlib import Path

os.environ["MPLBACKEND"] = "Agg"
sys.dont_write_bytecode = True

import make_data  # noqa: E402

CELLS = ("setup", "load_text", "counting", "language_model", "train_step", "train_net")


def cells_of_the_lab() -> dict[str, str]:
    """The cells named in CELLS, by their grade_id."""
    found = {}
    for cell in Path("lab.py").read_text(encoding="utf-8").split("# %%")[1:]:
        head, _, source = cell.partition("\n")
        name = re.search(r'"grade_id": "(\w+)"', head)
        if name and name.group(1) in CELLS:
            found[name.group(1)] = source
    return found


def bigram_over_net(lab: dict, seed: int) -> float:
    """How many times as unsure as the network the bigram is, on a fresh text."""
    text = make_data.text(random.Random(1000 + seed), 10_000)
    ids = [lab["token_to_idx"][word] for sentence in text for word in sentence]
    surprise = -sum(math.log(lab["bigram"][a, b]) for a, b in zip(ids, ids[1:])) / (len(ids) - 1)
    return math.exp(surprise - lab["surprise"](lab["net"], ids))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=10)
    num_seeds = parser.parse_args().seeds
    sources, lab, values = cells_of_the_lab(), {"__name__": "lab"}, []
    for seed in range(num_seeds):
        with contextlib.redirect_stdout(io.StringIO()):
            for name in CELLS:
                exec(sources[name].replace("mx.random.seed(2018)", f"mx.random.seed({seed})"), lab)
        values.append(round(bigram_over_net(lab, seed), 4))
    report = {"perplexity of the bigram divided by that of the net": {"threshold": 1.25, "values": values}}
    json.dump(report, sys.stdout)


if __name__ == "__main__":
    main()
