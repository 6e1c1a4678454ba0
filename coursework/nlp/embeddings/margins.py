"""The analogies' threshold, on corpora of other seeds.

    python margins.py --seeds 10      (in the course's kernel environment, in this folder)
"""

from __future__ import annotations

import argparse
import json
import sys

import numpy as np

sys.dont_write_bytecode = True
import make_data

THRESHOLD = 0.9


def share_right(seed, num_hiddens=64):
    """How many of the questions the vectors of a new corpus answer."""
    corpus = make_data.sentences(seed, make_data.NUM_SENTENCES)
    vocab = make_data.vocabulary(corpus)
    place = {word: number for number, word in enumerate(vocab)}
    scores = np.zeros((len(vocab), len(vocab)))
    for (a, b), score in make_data.ppmi(corpus).items():
        scores[place[a], place[b]] = score
    left, weights, _ = np.linalg.svd(scores)
    vectors = left[:, :num_hiddens] * np.sqrt(weights[:num_hiddens])
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    right = []
    for pairs in make_data.RELATIONS.values():
        for a, b in pairs:
            for c, d in pairs:
                if a == c:
                    continue
                asked = [place[a], place[b], place[c]]
                similarity = vectors @ (vectors[asked[1]] - vectors[asked[0]] + vectors[asked[2]])
                similarity[asked] = -np.inf
                right.append(vocab[similarity.argmax()] == d)
    return float(np.mean(right))


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=10)
    values = [share_right(seed) for seed in range(parser.parse_args().seeds)]
    print(json.dumps({"analogies": {"threshold": THRESHOLD, "values": values}}))
