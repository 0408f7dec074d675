"""`db.execute`: the server runs the statement and sends the rows."""

from __future__ import annotations

import contextlib
import contextvars
import itertools
import queue
import threading
from typing import Any, Iterator

from .channel import MAX_LINE_BYTES, Channel, to_json
from .job import CallCancelled, Job, current_job
from .rows import decode_rows, encode_parameters


class DatabaseError(Exception):
    """A statement failed; the text is DuckDB's."""


class Database:
    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._numbers = itertools.count(1)
        self._inboxes: dict[int, queue.SimpleQueue] = {}
        self._transaction: contextvars.ContextVar[str | None] = contextvars.ContextVar("mxcp_tx", default=None)

    def execute(self, sql: str, params: Any = None) -> list[dict[str, Any]]:
        job = self._job()
        session = self._transaction.get() or (None if job is None else job.session)
        if session is not None:
            return self._run(job, session, sql, params)
        with self._lone_session() as session:
            return self._run(job, session, sql, params)

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        job = self._job()
        if self._transaction.get() is not None:
            raise RuntimeError("a transaction is open already; DuckDB has none within another")
        with contextlib.ExitStack() as stack:
            session = stack.enter_context(self._lone_session()) if job is None else job.session
            token = self._transaction.set(session)
            try:
                self._run(job, session, "BEGIN TRANSACTION", None)
                try:
                    yield
                except BaseException:
                    self._roll_back(job, session)
                    raise
                self._run(job, session, "COMMIT", None)
            finally:
                self._transaction.reset(token)

    def deliver(self, message: dict[str, Any]) -> None:
        """From the reader thread. An answer that nobody waits for any more is dropped."""
        inbox = self._inboxes.get(message["id"])
        if inbox is not None:
            inbox.put(message)

    def _job(self) -> Job | None:
        job = current_job.get()
        if self._channel.is_forked:
            raise RuntimeError("the database cannot be used in a forked process; use threads")
        if job is not None and job.has_ended:
            raise RuntimeError("the call that this code belongs to has ended, and its connection with it")
        if job is not None and not job.has_database:
            raise RuntimeError("the database is closed while the payload of a reload runs")
        return job

    def _roll_back(self, job: Job | None, session: str) -> None:
        if job is not None and job.is_cancelled:
            # The server rolls back when the call has ended, and takes no statement of it any more.
            return
        try:
            self._run(job, session, "ROLLBACK", None)
        except DatabaseError:
            # The statement that failed has ended the transaction; its error is what the user has to see.
            pass

    @contextlib.contextmanager
    def _lone_session(self) -> Iterator[str]:
        """For code that belongs to no call, such as a thread that user code has started."""
        session = "t%d" % next(self._numbers)
        try:
            yield session
        finally:
            self._channel.send({"op": "db.close", "session": session})

    def _run(self, job: Job | None, session: str, sql: str, params: Any) -> list[dict[str, Any]]:
        number = next(self._numbers)
        message: dict[str, Any] = {"op": "db", "id": number, "session": session, "sql": sql}
        message["parameters"] = encode_parameters(params)
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
