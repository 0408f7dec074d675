"""Runs jobs: sync functions in threads, async functions on the event loop."""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import itertools
import sys
from typing import Any, Awaitable, Callable, Iterator, NamedTuple, Optional

from . import output, process, threads
from .channel import MAX_LINE_BYTES, Channel
from .failures import ProjectFiles
from .job import CallCancelled, Job, current_job
from .project_code import NotCallable
from .values import encode_result

#: A result with at most this many simple parts is written on the loop, because switching threads would take longer.
_SMALL = 16
_PLAIN = (str, int, float, bool, type(None))
#: Items are written together, because each write costs a system call and a turn of the server's event loop.
_BATCH_BYTES = 32 * 1024


class TooLarge(Exception):
    """The result is larger than the call allows."""


class Calls:
    """All running jobs. `call` and `cancel` run in the reader thread, everything else in the thread or task of the job."""

    def __init__(self, channel: Channel, loop: asyncio.AbstractEventLoop, files: ProjectFiles) -> None:
        self._channel = channel
        self._loop = loop
        self._files = files
        self._jobs: dict[int, Job] = {}
        # The event loop keeps only weak references to tasks.
        self._tasks: set[asyncio.Task] = set()

    def start(self, job: Job, prepare: Callable[[], Any], finish: Callable[[Any], None]) -> None:
        """Runs `prepare()`, which may return an awaitable, then `finish` with the outcome, then reports the end to the server."""
        self._jobs[job.number] = job
        threads.run(lambda: self._run_in_thread(job, prepare, finish))

    def start_async(self, job: Job, prepare: Callable[[], Awaitable[Any]], finish: Callable[[Any], None]) -> None:
        """The same for an async `prepare`, without a thread unless the result is large."""
        self._jobs[job.number] = job
        self._continue_on_loop(job, prepare, finish, contextvars.Context())

    def cancel(self, number: int) -> None:
        job = self._jobs.get(number)
        if job is not None:
            job.cancel()

    def call(self, job: Job, function: Callable[..., Any], arguments: Callable[[], Any], part: ResultPart) -> None:
        def prepare() -> Any:
            return function(**arguments())

        def finish(value: Any) -> None:
            if not _has_questions(job):
                _send_result(job, value, part)

        if inspect.iscoroutinefunction(function):
            self.start_async(job, prepare, finish)
        else:
            self.start(job, prepare, finish)

    def _run_in_thread(self, job: Job, prepare: Callable[[], Any], finish: Callable[[Any], None]) -> None:
        context = contextvars.Context()
        context.run(_enter, job)
        awaitable: Any = None
        failure: dict[str, Any] | None = None
        try:
            try:
                job.begin_in_thread()
                value = context.run(prepare)
                if inspect.isawaitable(value) or inspect.isasyncgen(value):
                    awaitable = value
                else:
                    context.run(finish, value)
                del value
            except BaseException as error:  # noqa: BLE001
                failure = self._describe(job, error)
            finally:
                job.leave_thread()
        except CallCancelled:
            # The interrupt arrived while the outcome was being stored.
            failure = {"kind": "cancelled"}
        job.leave_thread()
        if awaitable is not None and failure is None:
            self._continue_on_loop(job, lambda: awaitable, finish, context)
        else:
            self._end(job, failure)

    def _continue_on_loop(self, job: Job, prepare: Callable[[], Any], finish: Any, context: contextvars.Context) -> None:
        def create() -> None:
            _enter(job)
            task = self._loop.create_task(self._run_on_loop(job, prepare, finish))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

        self._loop.call_soon_threadsafe(create, context=context)

    async def _run_on_loop(self, job: Job, prepare: Callable[[], Any], finish: Callable[[Any], None]) -> None:
        failure: dict[str, Any] | None = None
        try:
            task = asyncio.current_task()
            assert task is not None
            job.begin_in_task(self._loop, task)
            value = await _settle(prepare())
            if _is_small(value):
                finish(value)
            else:
                await in_thread(finish, value)
            del value
        except BaseException as error:  # noqa: BLE001
            # Includes SystemExit, which would otherwise end the loop.
            failure = self._describe(job, error)
        self._end(job, failure)

    def _describe(self, job: Job, error: BaseException) -> dict[str, Any]:
        if job.is_cancelled and isinstance(error, asyncio.CancelledError):
            return {"kind": "cancelled"}
        if isinstance(error, TooLarge):
            return {"kind": "too_large", "message": str(error)}
        if isinstance(error, NotCallable):
            return {"kind": "not_callable", **error.problem}
        try:
            return {"kind": "raised", **self._files.describe(error)}
        except BaseException as second:  # noqa: BLE001
            # Code of the project can break every part of an exception; the caller must not wait for ever because of that.
            message = "the error could not be described: %s" % type.__repr__(type(second))
            unknown = {"type": "Exception", "message": message, "traceback": "", "code": "python_failed"}
            return {"kind": "raised", "clientMessage": "the Python code failed", **unknown}

    def _end(self, job: Job, failure: dict[str, Any] | None) -> None:
        updated = job.end()
        if job.questions is not None and not job.is_cancelled:
            # Also when the function has caught what ended it, or failed because of that.
            failure = job.questions.outcome or failure
        self._jobs.pop(job.number, None)
        try:
            output.end_job(job)
        except OSError:
            # Code of the project has closed the stream; the call ends all the same.
            pass
        message: dict[str, Any] = {"op": "done", "job": job.number}
        if failure is not None:
            message["failure"] = failure
        elif updated:
            message["updated"] = updated
        try:
            self._channel.send(message)
        except BaseException as error:  # noqa: BLE001
            # The server would wait for this job forever.
            process.give_up(process.OUT_OF_RESOURCES, "it cannot say how a call ended: %r" % error)


def _enter(job: Job) -> None:
    """Makes the job that of the present context, and its span the current one for code that uses OpenTelemetry."""
    current_job.set(job)
    # Only code of the project imports OpenTelemetry.
    if job.trace is None or "opentelemetry.trace" not in sys.modules:
        return
    try:
        from opentelemetry import context
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        context.attach(TraceContextTextMapPropagator().extract(job.trace))
    except Exception:  # noqa: BLE001
        # A version that works in another way, or one that code of the project has changed. The call runs all the same, and its
        # spans begin a trace of their own.
        return


async def in_thread(work: Callable[..., Any], *arguments: Any) -> Any:
    """Runs sync code of an async job in a thread, in the context of the job."""
    loop = asyncio.get_running_loop()
    future = loop.create_future()
    context = contextvars.copy_context()

    def settle(outcome: Any, error: BaseException | None) -> None:
        if future.cancelled():
            return
        if error is None:
            future.set_result(outcome)
        else:
            future.set_exception(error)

    def run() -> None:
        try:
            outcome, failure = context.run(work, *arguments), None
        except BaseException as error:  # noqa: BLE001
            # A future does not accept StopIteration.
            failure = RuntimeError(repr(error)) if isinstance(error, StopIteration) else error
            outcome = None
        loop.call_soon_threadsafe(settle, outcome, failure)

    threads.run(run)
    return await future


async def _settle(value: Any) -> Any:
    """Awaits an awaitable and collects an async generator."""
    if inspect.isawaitable(value):
        value = await value
    if inspect.isasyncgen(value):
        value = [item async for item in value]
    return value


def _is_small(value: Any) -> bool:
    if isinstance(value, _PLAIN):
        return True
    if not isinstance(value, (dict, list, tuple)) or len(value) > _SMALL:
        return False
    return all(isinstance(part, _PLAIN) for part in (value.values() if isinstance(value, dict) else value))


class ResultPart(NamedTuple):
    """How much of a result is sent. A larger one than `limit` is an error; the rest is about lists, which may be shortened."""

    limit: int
    skip: int = 0
    #: At least so many items are sent, if there are so many.
    least: int = 1
    items: Optional[int] = None
    size: Optional[int] = None

    @property
    def is_shortened(self) -> bool:
        return self.items is not None or self.size is not None


def _has_questions(job: Job) -> bool:
    return job.questions is not None and job.questions.outcome is not None


def _send_result(job: Job, value: Any, part: ResultPart) -> None:
    shape, texts = encode_result(value)
    length = b',"length":%d' % len(value) if shape == "list" and isinstance(value, (list, tuple)) else b""
    lines = [b'{"op":"shape","job":%d,"shape":"%s"%s}\n' % (job.number, shape.encode("ascii"), length)]
    overhead = len(b"%d \n" % job.number)
    waiting = 0
    size = 0
    for count, text in enumerate(_only(texts, part) if shape == "list" else texts, 1):
        line = b"%d %s\n" % (job.number, text.encode("utf-8"))
        lines.append(line)
        size += len(line) - overhead
        waiting += len(line)
        if size > part.limit and not (part.is_shortened and count > 1):
            raise TooLarge("" if shape == "value" else "reached at item %d" % count)
        if len(line) > MAX_LINE_BYTES:
            raise ValueError("one item of a result must not be larger than %d bytes" % MAX_LINE_BYTES)
        if waiting >= _BATCH_BYTES:
            job.raise_if_cancelled()
            job.write(b"".join(lines))
            lines.clear()
            waiting = 0
    job.write(b"".join(lines))


def _only(texts: Iterator[str], part: ResultPart) -> Iterator[str]:
    """Ends behind the first item that is left out: it shows the server that there are more."""
    size = 0
    for count, text in enumerate(itertools.islice(texts, part.skip, None), 1):
        yield text
        size += len(text)
        is_over = (part.items is not None and count > part.items) or (part.size is not None and size > part.size)
        if is_over and count > part.least:
            return
