"""Write data/train.txt, valid.txt, vocab.txt and rows.txt. Same bytes on every run.

    python make_data.py [FOLDER]        (default: the folder `data` beside this file)

A made language of some 50,000 words. Its sentences have a memory: the verb agrees with a subject
that stands several words before, a sentence that begins with `if` needs a `then`, and what was
opened with `both` goes on with `and`. A bigram, which sees one word, can't know. rows.txt is
train.txt in numbers, cut into 32 long rows. Needs nothing but the standard library.
"""

from __future__ import annotations

import random
import sys
from pathlib import Path

SEED = 2018
NUM_TRAIN, NUM_VALID = 50_000, 5_000
BATCH_SIZE = 32

NOUNS = ("dog cat teacher baker bird farmer singer horse").split()
ADJECTIVES = ("old small happy quiet tired clever").split()
PLACES = ("house river garden market bridge").split()
SINGULAR = ("sleeps sings waits smiles runs".split(), "sees likes follows hears".split())
PLURAL = ("sleep sing wait smile run".split(), "see like follow hear".split())


def choose(rng: random.Random, words: list[str]) -> str:
    """A word; the first ones of a list are more frequent, as in real languages."""
    return rng.choices(words, [1 / (rank + 1) for rank in range(len(words))])[0]


def noun_phrase(rng: random.Random, plural: bool) -> list[str]:
    """the (adjective) noun (near the other nouns), with the other ones in any number."""
    words = ["the"]
    if rng.random() < 0.4:
        words.append(choose(rng, ADJECTIVES))
    words.append(choose(rng, NOUNS) + ("s" if plural else ""))
    if rng.random() < 0.4:
        other = choose(rng, NOUNS) + ("s" if rng.random() < 0.5 else "")
        words += ["near", "the", other]
    return words


def clause(rng: random.Random) -> list[str]:
    """A subject and what it does; the verb agrees with the subject, not with its neighbour."""
    plural = rng.random() < 0.5
    alone, with_object = PLURAL if plural else SINGULAR
    if plural and rng.random() < 0.3:
        first, second = choose(rng, NOUNS), choose(rng, NOUNS)
        words = ["both", "the", first, "and", "the", second]
    else:
        words = noun_phrase(rng, plural)
    if rng.random() < 0.5:
        words += [choose(rng, alone)]
    else:
        words += [choose(rng, with_object), *noun_phrase(rng, rng.random() < 0.5)]
    if rng.random() < 0.3:
        words += ["in", "the", choose(rng, PLACES)]
    return words


def sentence(rng: random.Random) -> list[str]:
    """One clause, or two with `if` and `then`; <eos> ends it."""
    if rng.random() < 0.3:
        return ["if", *clause(rng), "then", *clause(rng), "<eos>"]
    return [*clause(rng), "<eos>"]


def text(rng: random.Random, num_words: int) -> list[list[str]]:
    """Sentences of that many words together, or a few more."""
    sentences, total = [], 0
    while total < num_words:
        sentences.append(sentence(rng))
        total += len(sentences[-1])
    return sentences


def write_lines(path: Path, lines: list[str]) -> None:
    path.write_bytes("".join(f"{line}\n" for line in lines).encode("utf-8"))


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    rng = random.Random(SEED)
    train, valid = text(rng, NUM_TRAIN), text(rng, NUM_VALID)
    counts: dict[str, int] = {}
    for word in (word for line in train for word in line):
        counts[word] = counts.get(word, 0) + 1
    vocab = sorted(counts, key=lambda word: (-counts[word], word))
    numbers = [vocab.index(word) for line in train for word in line]
    width = (len(numbers) - 1) // BATCH_SIZE
    starts = range(0, width * BATCH_SIZE, width)
    rows = [" ".join(map(str, numbers[start : start + width + 1])) for start in starts]
    write_lines(folder / "rows.txt", rows)
    write_lines(folder / "train.txt", [" ".join(line) for line in train])
    write_lines(folder / "valid.txt", [" ".join(line) for line in valid])
    write_lines(folder / "vocab.txt", vocab)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "data")
