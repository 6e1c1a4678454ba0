"""Analogies on corpora of other seeds, for the threshold of the embeddings lab.

    python margins.py FOLDER_OF_THE_LAB SEED...      (in the course's kernel environment)

Prints one JSON object: seed -> share of right answers. Imports nothing of the lab's solution.
"""

from __future__ import annotations

import json
import sys

import numpy as np


def share_right(make_data, seed: int, num_hiddens: int) -> float:
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
    sys.path.insert(0, sys.argv[1])
    sys.dont_write_bytecode = True
    import make_data

    found = {seed: share_right(make_data, int(seed), num_hiddens=64) for seed in sys.argv[2:]}
    json.dump(found, sys.stdout)
