"""Whether a lab can be trusted: its reference passes, and everything that is wrong fails.

    collections ─┐
    lab ─────────┼─► variants ─► bench (the sealed engine) ─► findings ─► table, proof.json
    operators ───┘

`lab` reads a lab's text, `collection` the answers kept beside it, `operators` and `mutants` make
automatic ones, `odd_answers` the ones that are no answer at all. `bench` judges all of them with
the engine that grades attendees. `promises` says what is broken, `record` keeps what was found.
"""
