"""Write data/pairs.tsv, vocab_en.txt, vocab_de.txt and encoded.tsv. Same bytes on every run.

    python make_data.py [FOLDER]        (default: the folder `data` beside this file)

720 English sentences and their German translations, made by a grammar: German articles and
adjectives change with gender and case, and German verbs move to the second place or to the end.
One line of pairs.tsv is `train` or `test`, the English and the German sentence, between tabs;
encoded.tsv has the same pairs in numbers, with the decoder's input and its labels. Needs nothing
but the standard library.
"""

from __future__ import annotations

import random
import sys
from pathlib import Path

SEED = 2019
NUM_TRAIN, NUM_TEST = 600, 120
RESERVED_TOKENS = ["<pad>", "<bos>", "<eos>", "<unk>"]

#: English noun: German noun, gender
NOUNS = {
    "man": ("Mann", "m"),
    "dog": ("Hund", "m"),
    "bird": ("Vogel", "m"),
    "woman": ("Frau", "f"),
    "cat": ("Katze", "f"),
    "cow": ("Kuh", "f"),
    "child": ("Kind", "n"),
    "horse": ("Pferd", "n"),
    "sheep": ("Schaf", "n"),
}
ADJECTIVES = {"old": "alt", "small": "klein", "black": "schwarz", "happy": "froh"}
ARTICLES = {
    "subject": {"m": "der", "f": "die", "n": "das"},
    "object": {"m": "den", "f": "die", "n": "das"},
}
#: English infinitive: its third person and participle; German third person, infinitive, participle
VERBS = {
    "see": ("sees", "seen", "sieht", "sehen", "gesehen"),
    "hear": ("hears", "heard", "hört", "hören", "gehört"),
    "seek": ("seeks", "sought", "sucht", "suchen", "gesucht"),
    "find": ("finds", "found", "findet", "finden", "gefunden"),
    "love": ("loves", "loved", "liebt", "lieben", "geliebt"),
    "feed": ("feeds", "fed", "füttert", "füttern", "gefüttert"),
}
TIMES = {"today": "heute", "often": "oft", "now": "jetzt"}


def noun_phrase(rng: random.Random, case: str) -> tuple[str, str]:
    """The same noun with its article, and perhaps an adjective, in both languages."""
    noun = rng.choice(list(NOUNS))
    german, gender = NOUNS[noun]
    article = ARTICLES[case][gender]
    if rng.random() < 0.5:
        return f"the {noun}", f"{article} {german}"
    adjective = rng.choice(list(ADJECTIVES))
    ending = "en" if case == "object" and gender == "m" else "e"
    return f"the {adjective} {noun}", f"{article} {ADJECTIVES[adjective]}{ending} {german}"


def pair(rng: random.Random) -> tuple[str, str]:
    """One English sentence and its translation."""
    subject, subjekt = noun_phrase(rng, "subject")
    thing, objekt = noun_phrase(rng, "object")
    verb = rng.choice(list(VERBS))
    third, participle, dritte, infinitiv, partizip = VERBS[verb]
    time = rng.choice(list(TIMES))
    match rng.randrange(5):
        case 0:
            return f"{subject} {third} {thing}", f"{subjekt} {dritte} {objekt}"
        case 1:
            return f"{subject} wants to {verb} {thing}", f"{subjekt} will {objekt} {infinitiv}"
        case 2:
            return f"{subject} has {participle} {thing}", f"{subjekt} hat {objekt} {partizip}"
        case 3:
            return f"{subject} does not {verb} {thing}", f"{subjekt} {dritte} {objekt} nicht"
        case _:
            return (
                f"{time} {subject} {third} {thing}",
                f"{TIMES[time]} {dritte} {subjekt} {objekt}",
            )


def different_pairs(rng: random.Random, num_pairs: int) -> list[tuple[str, str]]:
    """Pairs without repetition, in the order in which they were drawn."""
    found: dict[str, str] = {}
    while len(found) < num_pairs:
        english, german = pair(rng)
        found.setdefault(english, german)
    return list(found.items())


def vocabulary(sentences: list[str]) -> list[str]:
    """Reserved tokens, then the words in the order of the alphabet."""
    return RESERVED_TOKENS + sorted({word for sentence in sentences for word in sentence.split()})


def write_lines(path: Path, lines: list[str]) -> None:
    path.write_bytes("".join(f"{line}\n" for line in lines).encode("utf-8"))


def numbers(vocab: list[str], sentence: str) -> list[int]:
    return [vocab.index(word) for word in sentence.split()]


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    pairs = different_pairs(random.Random(SEED), NUM_TRAIN + NUM_TEST)
    english = vocabulary([source for source, _ in pairs])
    german = vocabulary([target for _, target in pairs])
    raw, encoded = [], []
    for number, (source, target) in enumerate(pairs):
        part = "train" if number < NUM_TRAIN else "test"
        ids = numbers(german, target)
        columns = [numbers(english, source), [1, *ids], [*ids, 2]]
        raw.append(f"{part}\t{source}\t{target}")
        encoded.append("\t".join([part, *(" ".join(map(str, column)) for column in columns)]))
    write_lines(folder / "pairs.tsv", raw)
    write_lines(folder / "encoded.tsv", encoded)
    write_lines(folder / "vocab_en.txt", english)
    write_lines(folder / "vocab_de.txt", german)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "data")
