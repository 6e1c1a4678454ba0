"""Write the lab's data: made requests to a device in the kitchen, and the vocabulary.

    python make_data.py FOLDER

Each line of requests.csv is an intent and a request; tokens.csv has the same requests as
numbers, made equally long. What fills the templates is drawn with a fixed seed.
"""

from __future__ import annotations

import itertools
import random
import sys
from pathlib import Path

ROOMS = ("kitchen", "hall", "bedroom", "garden", "office", "cellar")
THINGS = ("tea", "pasta", "eggs", "rice", "bread", "soup")
TOWNS = ("bergen", "porto", "lima", "kyoto", "oslo", "graz")
MUSIC = ("jazz", "piano", "radio", "opera", "drums", "folk")
NUMBERS = ("two", "three", "five", "ten", "twenty", "thirty")
POLITE = ("please", "now", "thank you", "if you can", "hello", "")

# "on", "play", "minutes" and "rain" occur with more than one intent, so that single words
# don't settle everything.
TEMPLATES = {
    "light": (
        "turn on the light in the {room}",
        "it is too dark in the {room}",
        "lights off in the {room} in {number} minutes",
        "make the {room} brighter",
    ),
    "music": (
        "play some {music} in the {room}",
        "turn on the {music}",
        "stop the {music} in {number} minutes",
        "i want to hear the rain and {music}",
    ),
    "timer": (
        "set a timer for {number} minutes for the {thing}",
        "remind me of the {thing} in {number} minutes",
        "how long until the {thing} is done",
        "wake me in {number} hours",
    ),
    "weather": (
        "will it rain in {town} today",
        "how warm is it in {town}",
        "do i need a coat in {town} in {number} hours",
        "is the sun out in the {room} or does it rain",
    ),
}
PER_INTENT = 160
LENGTH = 16


def requests(seed: int = 11) -> list[tuple[str, str]]:
    """Intent and text, shuffled, none twice."""
    rng = random.Random(seed)
    found = []
    for intent, templates in TEMPLATES.items():
        slots = itertools.product(templates, ROOMS, THINGS, TOWNS, MUSIC, NUMBERS, POLITE)
        texts = sorted(
            {
                f"{template} {polite}".strip().format(
                    room=room, thing=thing, town=town, music=music, number=number
                )
                for template, room, thing, town, music, number, polite in slots
            }
        )
        found += [(intent, text) for text in rng.sample(texts, min(PER_INTENT, len(texts)))]
    rng.shuffle(found)
    return found


def padded(vocab: list[str], text: str) -> list[int]:
    """<cls>, the words, and <pad> up to the common length."""
    tokens = [2, *(vocab.index(word) for word in text.split())][:LENGTH]
    return tokens + [0] * (LENGTH - len(tokens))


def main(folder: Path) -> None:
    lines = requests()
    words = sorted({word for _, text in lines for word in text.split()})
    vocab = ["<pad>", "<unk>", "<cls>", *words]
    rows = "\n".join(",".join(map(str, padded(vocab, text))) for _, text in lines)
    (folder / "tokens.csv").write_text(rows + "\n", encoding="utf-8")
    table = "\n".join(f"{intent},{text}" for intent, text in lines)
    (folder / "requests.csv").write_text(f"intent,request\n{table}\n", encoding="utf-8")
    (folder / "vocab.txt").write_text("\n".join(vocab) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
