"""Write data/corpus.txt, ppmi.csv, analogies.csv and capitals.csv. Same bytes on every run.

    python make_data.py [FOLDER]        (default: the folder `data` beside this file)

The corpus is made, not collected: templates about countries, adjectives, metals, companies and
ice-hockey teams, so that the six analogies of the workshop's slide can be learnt from 2,400
sentences. Nothing here needs more than the standard library, and nothing depends on the order of
a set or on a linear algebra library: hence the same bytes everywhere.
"""

from __future__ import annotations

import math
import random
import sys
from collections import Counter
from pathlib import Path

SEED = 2019
NUM_SENTENCES = 2400
WINDOW = 5

#: country: capital, dish, currency before the euro or today's
COUNTRIES = {
    "france": ("paris", "quiche", "franc"),
    "italy": ("rome", "pasta", "lira"),
    "japan": ("tokyo", "sushi", "yen"),
    "germany": ("berlin", "bratwurst", "mark"),
    "spain": ("madrid", "paella", "peseta"),
    "greece": ("athens", "moussaka", "drachma"),
    "egypt": ("cairo", "koshari", "pound"),
    "canada": ("ottawa", "poutine", "dollar"),
}
#: adjective: comparative, a thing that is so
ADJECTIVES = {
    "big": ("bigger", "elephant"),
    "cold": ("colder", "winter"),
    "tall": ("taller", "tower"),
    "warm": ("warmer", "summer"),
    "fast": ("faster", "train"),
    "slow": ("slower", "snail"),
    "loud": ("louder", "drum"),
    "small": ("smaller", "mouse"),
}
#: metal: symbol, a thing made of it
METALS = {
    "copper": ("cu", "wire"),
    "gold": ("au", "ring"),
    "silver": ("ag", "spoon"),
    "iron": ("fe", "bridge"),
    "tin": ("sn", "can"),
    "lead": ("pb", "pipe"),
}
#: company: system, another product
COMPANIES = {
    "microsoft": ("windows", "office"),
    "google": ("android", "maps"),
    "apple": ("macos", "music"),
    "canonical": ("ubuntu", "snap"),
}
#: city: ice-hockey team, a thing to see there
TEAMS = {
    "montreal": ("canadiens", "bagels"),
    "toronto": ("leafs", "streetcars"),
    "boston": ("bruins", "harbour"),
    "chicago": ("blackhawks", "pizza"),
}

#: (facts, weight, templates with {key}, {first}, {second}, {third})
FAMILIES = [
    (COUNTRIES, 8, [
        "{first} is the capital of {key}",
        "the capital city of {key} is called {first}",
        "people in {key} like to eat {second}",
        "they eat {second} for dinner in {key}",
        "in {key} they once paid with the {third}",
        "the old money of {key} was the {third}",
        "we travel to {key} by plane",
        "the map shows the border of {key}",
        "in {first} the best cooks serve {second}",
        "a coin of one {third} from {first}",
        "a plate of {second} cost one {third}",
        "the streets of the city of {first}",
    ]),
    (ADJECTIVES, 4, [
        "the {second} is very {key}",
        "this {second} is {first} than that one",
        "a very {key} {second}",
        "much {first} than the {second}",
        "so {key} and even {first}",
    ]),
    (METALS, 3, [
        "the symbol of {key} is {first}",
        "this {second} is made of {key}",
        "the {second} has the symbol {first}",
        "{first} in the table of elements stands for the metal {key}",
        "a metal called {key}",
        "the formula says {first}",
    ]),
    (COMPANIES, 2, [
        "the system {first} is made by {key}",
        "the company {key} sells {second}",
        "{key} is a company that makes {first}",
        "install {second} on the system {first}",
        "my computer runs {first}",
    ]),
    (TEAMS, 2, [
        "the hockey team of {key} is called the {first}",
        "we saw {second} in {key}",
        "the {first} play hockey in {key}",
        "fans of the {first} love {second}",
        "the {first} won the game",
    ]),
]  # fmt: skip

#: The pairs that analogies are asked about, by relation.
RELATIONS = {
    "capital": [(key, facts[0]) for key, facts in COUNTRIES.items()],
    "dish": [(key, facts[1]) for key, facts in COUNTRIES.items()],
    "currency": [(key, facts[2]) for key, facts in COUNTRIES.items()],
    "comparative": [(key, facts[0]) for key, facts in ADJECTIVES.items()],
    "symbol": [(key, facts[0]) for key, facts in METALS.items()],
    "system": [(key, facts[0]) for key, facts in COMPANIES.items()],
    "team": [(key, facts[0]) for key, facts in TEAMS.items()],
}

#: For the real vectors: France and Paris are given, these 24 are asked.
CAPITALS = """
italy rome, germany berlin, spain madrid, japan tokyo, china beijing, russia moscow, greece athens,
egypt cairo, portugal lisbon, poland warsaw, austria vienna, hungary budapest, sweden stockholm,
norway oslo, finland helsinki, denmark copenhagen, ireland dublin, turkey ankara, iran tehran,
iraq baghdad, cuba havana, peru lima, canada ottawa, kenya nairobi
"""


def sentences(seed: int, num_sentences: int) -> list[list[str]]:
    """A corpus as lists of words."""
    rng = random.Random(seed)
    weights = [weight for _, weight, _ in FAMILIES]
    corpus = []
    for _ in range(num_sentences):
        facts, _, templates = rng.choices(FAMILIES, weights)[0]
        key = rng.choice(list(facts))
        words = dict(zip(("first", "second", "third"), facts[key], strict=False))
        corpus.append(rng.choice(templates).format(key=key, **words).split())
    return corpus


def vocabulary(corpus: list[list[str]]) -> list[str]:
    """Most frequent first, then first seen."""
    return [word for word, _ in Counter(word for line in corpus for word in line).most_common()]


def ppmi(corpus: list[list[str]]) -> dict[tuple[str, str], float]:
    """Positive pointwise mutual information of words within WINDOW of each other."""
    pairs = Counter(
        (word, line[j])
        for line in corpus
        for i, word in enumerate(line)
        for j in range(max(0, i - WINDOW), min(len(line), i + WINDOW + 1))
        if j != i
    )
    totals: Counter[str] = Counter()
    for (word, _), count in pairs.items():
        totals[word] += count
    total = sum(totals.values())
    scores = {(a, b): math.log(n * total / (totals[a] * totals[b])) for (a, b), n in pairs.items()}
    return {pair: score for pair, score in scores.items() if score > 0}


def write_lines(path: Path, lines: list[str]) -> None:
    path.write_bytes("".join(f"{line}\n" for line in lines).encode("utf-8"))


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    corpus = sentences(SEED, NUM_SENTENCES)
    place = {word: number for number, word in enumerate(vocabulary(corpus))}
    scores = sorted((place[a], place[b], score) for (a, b), score in ppmi(corpus).items())
    write_lines(folder / "corpus.txt", [" ".join(line) for line in corpus])
    # Four decimals: far coarser than any difference between two machines' logarithms.
    write_lines(folder / "ppmi.csv", [f"{a},{b},{score:.4f}" for a, b, score in scores])
    write_lines(folder / "analogies.csv", [f"{r},{a},{b}" for r in RELATIONS for a, b in RELATIONS[r]])
    write_lines(folder / "capitals.csv", [",".join(pair.split()) for pair in CAPITALS.split(",")])


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "data")
