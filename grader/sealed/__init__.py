"""Sealed grading: student code runs in one jailed process, its tests in another.

Two Pythons take part. The *controller* (`engine`, `conversation`, `grace`, `stopped`, `wards`,
`watch`, `cgroups`, `stage`, `notebook_outputs`, `cache`) runs in the grader's own environment.
Everything else runs in the environment of the assignment, in processes forked from one warm
`zygote`:

    engine ── spawn ──► zygote ── fork ──► warden ── fork ──► student   (student cells)
                              └── fork ──► warden ── fork ──► checker   (test cells)

* The **student** process (`student`, `shell`) executes the student's cells and nothing else. It
  never receives a test cell; what it knows of a test is what the test passes to its functions.
* The **checker** process (`checker`, `authored`, `names`) executes test cells and the author's
  own cells. It never executes student code; over a `connection`, the student's names resolve
  there to plain values (`codec`, `values`, `arrays`) or to `handles`. It alone says passed or
  failed.
* Sources travel from the controller straight into the process that may know them. The zygote
  sees neither, so nothing can be found in memory inherited from it.
* Both processes sit in a jail (`jail`, `seccomp`, `limits`), and each hangs on a leash
  (`warden`): when the controller lets go, the whole process tree dies.

The kernel environment needs Python 3.10 or later, IPython and numpy; mxnet and matplotlib
are used where they are installed. The kernel of the machine must be Linux 5.12 or later.
"""
