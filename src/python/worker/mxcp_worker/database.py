"""`db.execute` and `db.transaction`: the server runs the statements and sends the rows."""

from __future__ import annotations

import contextlib
import contextvars
import itertools
import queue
import threading
from typing import Any, Iterator

from .channel import MAX_LINE_BYTES, Channel, to_json
from .failures import DatabaseError
from .job import CallCancelled, Job, current_job
from .pool_work import current_piece
from .rows import decode_rows, encode_parameters


class _Transaction:
    """Applies within its block and in tasks that were started there, and never after the block."""

    def __init__(self, session: str, owner: Job | None) -> None:
        self.session = session
        #: The job whose connection it uses.
        self.owner = owner
        self.piece = current_piece.get()
        self.is_open = True


class Database:
    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._numbers = itertools.count(1)
        self._inboxes: dict[int, queue.SimpleQueue] = {}
        self._transaction: contextvars.ContextVar[_Transaction | None] = contextvars.ContextVar("mxcp_tx", default=None)

    def execute(self, sql: str, params: Any = None) -> list[dict[str, Any]]:
        job = self._job()
        transaction = self._open_transaction()
        if transaction is not None:
            return self._run(job, transaction.session, sql, params)
        with self._session(job) as session:
            return self._run(job, session, sql, params, is_alone=job is None or session != job.session)

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        job = self._job()
        if self._open_transaction() is not None:
            raise RuntimeError("a transaction is open already; DuckDB does not support nested transactions")
        with self._session(job) as session:
            transaction = _Transaction(session, job if job is not None and session == job.session else None)
            token = self._transaction.set(transaction)
            try:
                self._run(job, session, "BEGIN TRANSACTION", None)
                try:
                    yield
                except BaseException:
                    self._roll_back(job, session)
                    raise
                self._run(job, session, "COMMIT", None)
            finally:
                transaction.is_open = False
                self._transaction.reset(token)

    def deliver(self, message: dict[str, Any]) -> None:
        """Runs in the reader thread. An answer that no thread waits for any more is dropped."""
        inbox = self._inboxes.get(message["id"])
        if inbox is not None:
            inbox.put(message)

    def _job(self) -> Job | None:
        """The job that the code belongs to; None for code that belongs to no job, or whose job has ended."""
        if self._channel.is_forked:
            raise RuntimeError("the database cannot be used in a forked process; use threads")
        job = current_job.get()
        if job is None:
            return None
        if job.has_ended:
            # Code that deliberately outlives its call may continue; code of a cancelled call may not.
            if job.is_cancelled:
                raise RuntimeError("the call that this code belongs to was cancelled")
            return None
        if not job.has_database:
            raise RuntimeError("the database is closed while the payload of a reload runs")
        return job

    def _open_transaction(self) -> _Transaction | None:
        transaction = self._transaction.get()
        if transaction is None or not transaction.is_open or transaction.piece is not current_piece.get():
            return None
        if transaction.owner is not None and transaction.owner.has_ended:
            raise RuntimeError("the call that this transaction belongs to has ended, and rolled it back")
        return transaction

    def _roll_back(self, job: Job | None, session: str) -> None:
        if job is not None and job.is_cancelled:
            # The server accepts no more statements of this call and rolls back when it ends.
            return
        try:
            self._run(job, session, "ROLLBACK", None)
        except DatabaseError:
            # The failed statement has already ended the transaction; its error is the one to report.
            pass

    @contextlib.contextmanager
    def _session(self, job: Job | None) -> Iterator[str]:
        """The session of the job. Code that may run in parallel gets its own, with the same caller; without a job, anonymous."""
        if job is not None and current_piece.get() is None:
            yield job.session
            return
        session = "%st%d" % ("" if job is None else job.session, next(self._numbers))
        try:
            yield session
        finally:
            self._channel.send({"op": "db.close", "session": session})

    def _run(
        self, job: Job | None, session: str, sql: str, params: Any, is_alone: bool = False
    ) -> list[dict[str, Any]]:
        if not isinstance(sql, str):
            raise TypeError('the SQL of db.execute() must be a str, not of type "%s"' % type(sql).__qualname__)
        number = next(self._numbers)
        message: dict[str, Any] = {"op": "db", "id": number, "session": session, "sql": sql}
        message["parameters"] = encode_parameters(params)
        message["isAlone"] = is_alone
        message["blocksLoop"] = threading.current_thread() is threading.main_thread()
        line = (to_json(message) + "\n").encode("ascii")
        if len(line) > MAX_LINE_BYTES:
            raise ValueError("a statement and its parameters must not be larger than %d bytes" % MAX_LINE_BYTES)
        inbox: queue.SimpleQueue = queue.SimpleQueue()
        self._inboxes[number] = inbox
        try:
            if job is None:
                self._channel.write(line)
            else:
                job.write(line)
            return _collect(job, inbox)
        finally:
            self._inboxes.pop(number, None)


def _collect(job: Job | None, inbox: queue.SimpleQueue) -> list[dict[str, Any]]:
    columns: list[dict[str, Any]] = []
    rows: list[dict[str, Any]] = []
    while True:
        message = inbox.get() if job is None else job.wait(inbox)
        if message["op"] == "db.columns":
            columns = message["columns"]
        elif message["op"] == "db.rows":
            rows.extend(decode_rows(columns, message["rows"]))
        elif message["op"] == "db.end":
            return rows
        elif job is not None and job.is_cancelled:
            raise CallCancelled()
        else:
            raise DatabaseError(message["message"])
