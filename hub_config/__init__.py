"""The hub: who may enter, where a seat runs, how submissions travel."""
