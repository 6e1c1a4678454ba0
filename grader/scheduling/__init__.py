"""Where submissions are run: on this machine, or on worker hosts through Dask.

    grader (one writer) ── Engines ──┬─ this_machine: warm engines in this process
                                     └─ worker_hosts ─ socket ─► dispatcher ─ TLS ─► worker

Only what a sealed run costs is moved: sanitising, verdicts, memory and the gradebook stay with
the grader. What crosses is JSON text (`order`), and what comes back is looked at as if an
attendee had written it (`answer`). The dispatcher is the only process that speaks to workers; it
is jailed and holds nothing (`jailed`).
"""
