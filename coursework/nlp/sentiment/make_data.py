"""Write data/reviews.tsv, vocab.txt and encoded.tsv. Same bytes on every run.

    python make_data.py [FOLDER]        (default: the folder `data` beside this file)

The reviews are made, not collected: every one has an attitude, and about half of its opinions are
said by denying the opposite, so that counting good and bad words does not get far. One line of
reviews.tsv is `train` or `test`, the score from 1 to 10, and the text, between tabs; encoded.tsv
has the same reviews in numbers. Needs nothing but the standard library.
"""

from __future__ import annotations

import random
import re
import sys
from collections import Counter
from pathlib import Path

SEED = 2018
NUM_TRAIN, NUM_TEST = 2000, 600
MAX_LENGTH = 60
RESERVED_TOKENS = ["<pad>", "<unk>"]

GOOD = """good great wonderful brilliant funny clever moving charming superb delightful gripping
    fresh""".split()
BAD = "bad poor terrible boring dull stupid clumsy tedious dreadful silly weak stale".split()
THINGS = """movie film plot story ending cast acting music script dialogue camera director
    beginning humour""".split()
DEGREES = ["", "so ", "very ", "really ", "quite ", "simply "]
STRONG = ["", "very ", "really "]  # what can stand after an article

PLAIN = [
    "{The} {thing} was {degree}{word}.",
    "I found the {thing} {degree}{word}.",
    "What a {word} {thing}!",
    "A {strong}{word} {thing}.",
    "{The} {thing} is {word} from start to finish.",
    "My friends said the {thing} was {degree}{word}, and they were right.",
]
DENIED = [
    "{The} {thing} was not {degree}{word}.",
    "I never found the {thing} {degree}{word}.",
    "Nobody could call the {thing} {degree}{word}.",
    "This is not at all a {strong}{word} {thing}.",
    "{The} {thing} is far from {word}.",
    "My friends said the {thing} was {degree}{word}, but they were wrong.",
]
NEUTRAL = [
    "We saw it on a {day} in {town}.",
    "It is about two hours long.",
    "My {relative} came along and bought the tickets.",
    "The {thing} takes up much of the first hour.",
    "It was made in {town} some years ago.",
    "I had read the book before.",
    "There is a dog in it, and a train, and a long winter.",
    "Somebody behind us ate crisps on that {day}.",
]
DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
TOWNS = "Montreal Baltimore Seattle London Toronto Vienna".split()
RELATIVES = "brother sister uncle aunt cousin neighbour".split()


def opinion(rng: random.Random, positive: bool) -> str:
    """One sentence that likes or dislikes something, half of the time by denying the opposite."""
    denied = rng.random() < 0.5
    template = rng.choice(DENIED if denied else PLAIN)
    word = rng.choice(GOOD if positive != denied else BAD)
    return template.format(
        The=rng.choice(("The", "This")),
        thing=rng.choice(THINGS),
        degree=rng.choice(DEGREES),
        strong=rng.choice(STRONG),
        word=word,
    )


def neutral(rng: random.Random) -> str:
    """One sentence without an opinion."""
    return rng.choice(NEUTRAL).format(
        thing=rng.choice(THINGS),
        day=rng.choice(DAYS),
        town=rng.choice(TOWNS),
        relative=rng.choice(RELATIVES),
    )


def review(rng: random.Random) -> tuple[int, str]:
    """A score from 1 to 10 (never 5 or 6, as in the reviews of 2018) and a text that fits it."""
    positive = rng.random() < 0.5
    score = rng.choice((7, 8, 9, 10) if positive else (1, 2, 3, 4))
    sentences = [opinion(rng, positive) for _ in range(rng.randint(1, 3))]
    sentences += [neutral(rng) for _ in range(rng.randint(0, 3))]
    rng.shuffle(sentences)
    return score, " ".join(sentences)


def tokenize(text: str) -> list[str]:
    """Lower-case words; the same rule as in the notebook."""
    return re.findall(r"[a-z]+", text.lower())


def vocabulary(texts: list[str]) -> list[str]:
    """Reserved tokens, then the most frequent first, then first seen."""
    counts = Counter(token for text in texts for token in tokenize(text))
    return RESERVED_TOKENS + [token for token, _ in counts.most_common()]


def write_lines(path: Path, lines: list[str]) -> None:
    path.write_bytes("".join(f"{line}\n" for line in lines).encode("utf-8"))


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    rng = random.Random(SEED)
    reviews = [review(rng) for _ in range(NUM_TRAIN + NUM_TEST)]
    parts = ["train"] * NUM_TRAIN + ["test"] * NUM_TEST
    vocab = vocabulary([text for _, text in reviews[:NUM_TRAIN]])
    place = {token: number for number, token in enumerate(vocab)}
    raw, encoded = [], []
    for part, (score, text) in zip(parts, reviews, strict=True):
        numbers = [place.get(token, 1) for token in tokenize(text)[:MAX_LENGTH]]
        raw.append(f"{part}\t{score}\t{text}")
        encoded.append(f"{part}\t{int(score > 5)}\t{' '.join(map(str, numbers))}")
    write_lines(folder / "reviews.tsv", raw)
    write_lines(folder / "vocab.txt", vocab)
    write_lines(folder / "encoded.tsv", encoded)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "data")
