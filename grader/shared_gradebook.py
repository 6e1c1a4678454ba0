"""One connection to nbgrader's database for a whole batch, and one transaction per submission.

nbgrader opens its gradebook anew for every step (which looks at all tables first) and commits
after every cell: 9 openings and 24 commits per submission, and a killed run leaves some of them.
Inside of `shared_gradebook` whoever opens it gets the one that is open, and its commits are only
carried out when the transaction ends.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

from nbgrader.api import Gradebook
from nbgrader.preprocessors import latesubmissions
from sqlalchemy import text
from sqlalchemy.orm import scoped_session, sessionmaker

from grader import gradebook
from grader.database import database_url
from grader.folders import CourseFolder

#: Where a module's name `Gradebook` is what opens the database.
_OPENERS: tuple[ModuleType, ...] = (gradebook, latesubmissions)
#: For sqlite, which locks the whole file: the formgrader's marks are written within
#: milliseconds; a backup takes a little longer.
_PATIENCE_MILLISECONDS = 30_000


class SharedGradebook(Gradebook):
    """nbgrader's gradebook, which stays open when a step closes it."""

    db: Any

    def __init__(self, url: str, course: str) -> None:
        super().__init__(url, course)
        self.db.remove()
        self._connection = self.engine.connect()
        if self.engine.dialect.name == "sqlite":
            self._connection.execute(text(f"pragma busy_timeout = {_PATIENCE_MILLISECONDS}"))
            self._connection.commit()
        # "rollback_only": the session's commits write to the connection's transaction, which
        # only `transaction` ends.
        session = sessionmaker(bind=self._connection, join_transaction_mode="rollback_only")
        self.db = scoped_session(session)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All that the block writes, or nothing of it. It sees what others have written."""
        self.db.remove()
        try:
            with self._connection.begin():
                yield
                self.db.flush()
        finally:
            self.db.remove()

    def close(self) -> None:
        """A step of nbgrader is done with it; the batch is not."""

    def really_close(self) -> None:
        """The batch is done."""
        self.db.remove()
        self._connection.close()
        self.engine.dispose()


@contextmanager
def shared_gradebook(folder: CourseFolder, course: str) -> Iterator[SharedGradebook]:
    """Whoever opens the gradebook inside of the block, in this thread, gets this one."""
    shared = SharedGradebook(database_url(folder), course)
    here, usual = threading.get_ident(), [vars(module)["Gradebook"] for module in _OPENERS]

    def opened(*asked: Any, **more: Any) -> Any:
        return shared if threading.get_ident() == here else Gradebook(*asked, **more)

    try:
        for module in _OPENERS:
            vars(module)["Gradebook"] = opened
        yield shared
    finally:
        for module, own in zip(_OPENERS, usual, strict=True):
            vars(module)["Gradebook"] = own
        shared.really_close()
