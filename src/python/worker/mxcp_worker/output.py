"""Standard output and standard error: what code prints, line by line, with the number of the job that printed it.

The pipes are shared by all code of the process, so a line that Python writes begins with a tag, which `worker-output.ts` reads:
`RS job US text`. A line that is long, or flushed before its end, is sent in pieces, whose tags also say which line they belong
to: `RS job ( line US text` begins it, `-` continues and `)` ends it. What is written below Python, by C code or by other
programs, has no tag. Each write is atomic, so that it needs no lock, which a fork could leave held, and no shield.
"""

from __future__ import annotations

import functools
import io
import itertools
import os
import select
import sys
import threading
from typing import Any

from .job import Job, current_job

#: POSIX writes as much to a pipe at once, without a line of another writer in between.
_ATOMIC = select.PIPE_BUF
_MAX_PIECE = _ATOMIC - 64

#: The job that started the thread. Plain threads do not have the context of their starter.
_starter = threading.local()

_streams: list[_Lines] = []


def install() -> None:
    """Replaces both streams. Call it before any other code can get a reference to them."""
    for name in ("stdout", "stderr"):
        buffer = getattr(sys, name).detach()
        # `PYTHONUNBUFFERED` leaves out the buffer.
        raw = buffer.detach() if isinstance(buffer, io.BufferedWriter) else buffer
        lines = _Lines(raw, "<%s>" % name)
        _streams.append(lines)
        # Each write goes to `lines` in the context of the code that prints. Any characters can be printed, with any locale.
        stream = io.TextIOWrapper(lines, "utf-8", "backslashreplace", newline="\n", write_through=True)
        stream.mode = "w"
        setattr(sys, name, stream)
        setattr(sys, "__%s__" % name, stream)
    _follow_threads()
    os.register_at_fork(after_in_child=_forget)


def end_job(job: Job) -> None:
    """Ends the lines that the job has begun."""
    for lines in _streams:
        lines.end(job.number)


def end_all() -> None:
    for lines in _streams:
        lines.end(None)


class _Lines(io.BufferedIOBase):
    """The binary end of a stream. Threads of one job may print at the same time, so each has its own unfinished line."""

    def __init__(self, raw: io.FileIO, name: str) -> None:
        self.raw = raw
        self.name = name
        self.mode = "wb"
        self._descriptor = raw.fileno()
        self._pipe = _identity(self._descriptor)
        #: By job and thread: what was not sent yet, and the number of a line of which a part was sent.
        self._open: dict[tuple[int, int], tuple[bytes, int]] = {}
        self._numbers = itertools.count(1)

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self.raw.fileno()

    def isatty(self) -> bool:
        return self.raw.isatty()

    def detach(self) -> Any:
        self.flush()
        return self.raw

    def write(self, data: Any) -> int:
        if self.closed:
            raise ValueError("write to closed file")
        if type(data) is not bytes:
            data = bytes(memoryview(data))
        key = (_job_number(), threading.get_ident())
        rest, line = self._open.pop(key, (b"", 0))
        whole, newline, last = data.rpartition(b"\n")
        if newline:
            self._send_lines(key[0], line, rest + whole)
            rest, line = b"", 0
        rest += last
        if len(rest) > _MAX_PIECE:
            line, rest = self._send_beginning(key[0], line, rest)
        if rest or line:
            self._open[key] = (rest, line)
        return len(data)

    def flush(self) -> None:
        """Sends an unfinished line too: a crash must not lose what was flushed before it."""
        if self.closed:
            raise ValueError("flush of closed file")
        key = (_job_number(), threading.get_ident())
        rest, line = self._open.get(key, (b"", 0))
        if rest:
            self._open[key] = (b"", self._send_piece(key[0], line, rest))

    def close(self) -> None:
        if not self.closed:
            self.end(None)
            super().close()
            self.raw.close()

    def end(self, job: int | None) -> None:
        """Ends the unfinished lines of a job, or those of all."""
        # `list` runs no code of Python, so that no other thread can change the keys meanwhile.
        for key in list(self._open) if self._open else ():
            if job is None or key[0] == job:
                rest, line = self._open.pop(key, (b"", 0))
                if rest or line:
                    self._send_lines(key[0], line, rest)

    def forget(self) -> None:
        """In a forked child: the unfinished lines are those of the parent, and so are the numbers that it will use."""
        self._open.clear()
        self._numbers = itertools.count(os.getpid() << 20)

    def _send_lines(self, job: int, line: int, text: bytes) -> None:
        """Sends whole lines, as many at once as possible. The first one may have been begun."""
        tag = b"\x1e%d\x1f" % job
        waiting: list[bytes] = []
        length = 0
        for each in text.split(b"\n"):
            if len(each) > _MAX_PIECE:
                self._put(tag, waiting)
                waiting, length = [], 0
                line, each = self._send_beginning(job, line, each)
            if line:
                self._put(b"\x1e%d)%d\x1f" % (job, line), [each])
                line = 0
                continue
            length += len(tag) + len(each) + 1
            if length > _ATOMIC:
                self._put(tag, waiting)
                waiting, length = [], len(tag) + len(each) + 1
            waiting.append(each)
        self._put(tag, waiting)

    def _send_beginning(self, job: int, line: int, text: bytes) -> tuple[int, bytes]:
        """Sends all of a long text but its last piece. Returns the number of the line, and the last piece."""
        start = 0
        while len(text) - start > _MAX_PIECE:
            line = self._send_piece(job, line, text[start : start + _MAX_PIECE])
            start += _MAX_PIECE
        return line, text[start:]

    def _send_piece(self, job: int, line: int, text: bytes) -> int:
        kind = b"-" if line else b"("
        line = line or next(self._numbers)
        self._put(b"\x1e%d%b%d\x1f" % (job, kind, line), [text], b"")
        return line

    def _put(self, tag: bytes, texts: list[bytes], end: bytes = b"\n") -> None:
        """Code may have redirected the descriptor to a place of its own, which gets no tags. `end` is what ends a text there."""
        if not texts:
            return
        if _identity(self._descriptor) == self._pipe:
            os.write(self._descriptor, b"%b%b\n" % (tag, (b"\n" + tag).join(texts)))
            return
        rest = memoryview(b"%b%b" % (end.join(texts), end))
        while rest:
            rest = rest[os.write(self._descriptor, rest) :]


def _identity(descriptor: int) -> tuple[int, int]:
    status = os.fstat(descriptor)
    return status.st_dev, status.st_ino


def _job_number() -> int:
    """0 for code of no job. A thread that outlives the call which started it works for others too."""
    job = current_job.get()
    if job is None:
        job = getattr(_starter, "job", None)
        if job is None or job.has_ended:
            return 0
    return job.number


def _follow_threads() -> None:
    start = threading.Thread.start
    run = threading.Thread._bootstrap_inner  # type: ignore[attr-defined]

    @functools.wraps(start)
    def start_for_job(thread: threading.Thread) -> None:
        job = current_job.get() or getattr(_starter, "job", None)
        if job is not None:
            vars(thread)["_mxcp_job"] = job
        start(thread)

    @functools.wraps(run)
    def run_for_job(thread: threading.Thread) -> None:
        _starter.job = vars(thread).pop("_mxcp_job", None)
        run(thread)

    threading.Thread.start = start_for_job  # type: ignore[method-assign]
    threading.Thread._bootstrap_inner = run_for_job  # type: ignore[attr-defined]


def _forget() -> None:
    for lines in _streams:
        lines.forget()
