"""A run of project code: a call, the hooks, or the payload of a reload. It can be cancelled at any moment."""

from __future__ import annotations

import asyncio
import contextvars
import ctypes
import json
import queue
import threading
from typing import Any

from .channel import Channel
from .plain_values import to_plain
from .questions import Questions
from .scalar_texts import well_formed
from .updates import UpdatedResources


_MAX_NOTIFICATION = 256 * 1024


class CallCancelled(asyncio.CancelledError):
    """Ends the code of a cancelled call. `except Exception` does not catch it."""


class Job:
    """Belongs to one thread (sync code) or one task (async code) from its begin to `end`."""

    def __init__(
        self,
        channel: Channel,
        number: int,
        user: dict[str, Any] | None = None,
        trace: dict[str, str] | None = None,
        questions: Questions | None = None,
    ) -> None:
        self.number = number
        #: None for what is no call: it has no client.
        self.questions = questions
        self.user = user
        #: `traceparent` and `tracestate` of the span that the server has open for this code.
        self.trace = trace
        #: False while a payload runs: the database is closed then.
        self.has_database = True
        self.is_hooks = False
        #: What code of the call keeps in its execution context.
        self.values: dict[str, Any] = {}
        self._channel = channel
        self._lock = threading.Lock()
        self._thread: int | None = None
        self._task: tuple[asyncio.AbstractEventLoop, asyncio.Task] | None = None
        self._waiting: dict[int, queue.SimpleQueue] = {}
        self._shields = 0
        self._updated: UpdatedResources | None = None
        self._is_interrupted = False
        self.is_cancelled = False
        self.has_ended = False

    @property
    def session(self) -> str:
        return "j%d" % self.number

    def send(self, message: dict[str, Any]) -> None:
        with Shield(self):
            self._channel.send(message)

    def write(self, line: bytes) -> None:
        with Shield(self):
            self._channel.write(line)

    def notify(self, notification: dict[str, Any]) -> None:
        """Sends a message to the client of the call. Data that cannot be JSON is sent as its text."""
        try:
            plain = to_plain(notification)
        except TypeError:
            plain = to_plain({**notification, "data": repr(notification.get("data"))})
        encoded = well_formed(json.dumps(plain, ensure_ascii=False, separators=(",", ":"))).encode("utf-8")
        if len(encoded) > _MAX_NOTIFICATION:
            raise ValueError("a message to the client must not be larger than %d bytes" % _MAX_NOTIFICATION)
        self.write(b'{"op":"notify","job":%d,"notification":%s}\n' % (self.number, encoded))

    def shield(self) -> Shield:
        return Shield(self)

    def begin_in_thread(self) -> None:
        with self._lock:
            self._thread = threading.get_ident()
            self._refuse_if_cancelled()

    def begin_in_task(self, loop: asyncio.AbstractEventLoop, task: asyncio.Task) -> None:
        with self._lock:
            self._task = (loop, task)
            self._refuse_if_cancelled()

    def leave_thread(self) -> None:
        """No interrupt can arrive in this thread after this. Called twice, because one may arrive during the first call."""
        with self._lock:
            self._thread = None
        _clear_interrupt(threading.get_ident())

    def add_updated(self, declared: str, uri: str) -> bool:
        """Keeps what the code has changed until the job ends; false when it has ended."""
        with self.shield(), self._lock:
            if self.has_ended:
                return False
            if self._updated is None:
                self._updated = UpdatedResources()
            self._updated.add(declared, uri)
            return True

    def end(self) -> list[str]:
        """Returns the resources that the code has changed."""
        with self._lock:
            self.has_ended = True
            self._task = None
            return [] if self._updated is None else self._updated.take()

    def cancel(self) -> None:
        """Runs in the reader thread: interrupts the job in the way that fits what it is doing."""
        with self._lock:
            if self.is_cancelled or self.has_ended:
                return
            self.is_cancelled = True
            owner_waits = False
            for thread, inbox in self._waiting.items():
                owner_waits = owner_waits or self._owns(thread)
                inbox.put(None)
            if owner_waits:
                self._is_interrupted = True
            elif self._task is not None:
                loop, task = self._task
                self._is_interrupted = True
                loop.call_soon_threadsafe(task.cancel)
            elif self._thread is not None and self._shields == 0:
                self._is_interrupted = True
                _interrupt(self._thread)

    def wait(self, inbox: queue.SimpleQueue) -> Any:
        """Returns the next message in `inbox`. A cancellation ends the wait in every thread of the call."""
        thread = threading.get_ident()
        with self._lock:
            if self.is_cancelled:
                self._refuse_if_cancelled()
            self._waiting[thread] = inbox
        try:
            message = inbox.get()
        finally:
            with self._lock:
                self._waiting.pop(thread, None)
        if message is None:
            raise CallCancelled()
        return message

    def raise_if_cancelled(self) -> None:
        if self.is_cancelled:
            raise CallCancelled()

    def _owns(self, thread: int) -> bool:
        if self._task is not None:
            return thread == threading.main_thread().ident
        return thread == self._thread

    def _refuse_if_cancelled(self) -> None:
        if self.is_cancelled:
            self._is_interrupted = True
            raise CallCancelled()


class Shield:
    """Delays an interrupt while a line is written; it arrives when the shield is left."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._is_active = False

    def __enter__(self) -> None:
        job = self._job
        with job._lock:
            if job._thread == threading.get_ident():
                job._shields += 1
                self._is_active = True
        # An interrupt that was sent just before arrives at the next function call, which is this one.
        _accept_interrupt()

    def __exit__(self, *_: object) -> None:
        if not self._is_active:
            return
        job = self._job
        with job._lock:
            job._shields -= 1
            if job._shields == 0 and job.is_cancelled and not job._is_interrupted:
                job._is_interrupted = True
                raise CallCancelled()


current_job: contextvars.ContextVar[Job | None] = contextvars.ContextVar("mxcp_job", default=None)


def _interrupt(thread: int) -> None:
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), ctypes.py_object(CallCancelled))


def _clear_interrupt(thread: int) -> None:
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), ctypes.c_void_p(None))


def _accept_interrupt() -> None:
    pass
