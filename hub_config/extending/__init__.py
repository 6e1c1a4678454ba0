"""Thirty minutes more, from the wall: see docs/decisions/extending-from-the-wall.md.

wall ─► extend.json (what staff wish) ─► program: bound, own timer, timers of the others
                                             └─► extensions.json (what came of it) ─► wall

records   the two files
limits    pure: whether a wish is granted
timers    moves the timer of this host, and those of others over their links
program   does what is wished; runs as root, listens nowhere
"""
