"""The two pipes to the server. Each line is one message."""

from __future__ import annotations

import fcntl
import json
import os
import threading
from typing import Any, Callable

from . import process, threads

#: The server takes much longer lines for garbage and ends the worker.
MAX_LINE_BYTES = 200 * 1024 * 1024

_FROM_SERVER = 3
_TO_SERVER = 4


def to_json(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), allow_nan=False)


class Channel:
    """Owns both pipes. They are moved away from 3 and 4, which code of the project may close or reuse, and are not inherited."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._is_forked = False
        self._input = _move_away(_FROM_SERVER)
        self._output = _move_away(_TO_SERVER)
        self._worker_pid = os.getpid()
        os.register_at_fork(after_in_child=self._leave_to_parent)

    def send(self, message: dict[str, Any]) -> None:
        line = (to_json(message) + "\n").encode("ascii")
        if len(line) > MAX_LINE_BYTES:
            raise ValueError("a message to the server must not be larger than %d bytes" % MAX_LINE_BYTES)
        self.write(line)

    def write(self, line: bytes) -> None:
        """Writes a whole line. A job that can be interrupted needs its shield here, because half a line ends the worker."""
        if self._is_forked:
            # A forked child that continued in the worker's own code. Its parent sends the answer.
            os._exit(0)
        with self._lock:
            rest = memoryview(line)
            try:
                while rest:
                    rest = rest[os.write(self._output, rest) :]
            except OSError as error:
                process.give_up(process.LOST_CONNECTION, "it cannot reach the server: %s" % error)

    def read(self, handle: Callable[[dict[str, Any]], None]) -> None:
        """Passes every message to `handle` in its own thread. When the pipe ends, the process ends."""
        threading.Thread(target=self._read, args=(handle,), name="mxcp-reader", daemon=True).start()

    def _read(self, handle: Callable[[dict[str, Any]], None]) -> None:
        try:
            with open(self._input, "rb", buffering=1 << 16, closefd=False) as lines:
                for line in lines:
                    handle(json.loads(line))
        except MemoryError:
            process.give_up(process.OUT_OF_RESOURCES, "no memory is left to read a message of the server")
        except OSError as error:
            process.give_up(process.LOST_CONNECTION, "it cannot read from the server: %s" % error)
        except BaseException as error:  # noqa: BLE001
            process.give_up(process.INTERNAL_ERROR, "%s: %s" % (type(error).__name__, error))
        process.end_group()

    def _leave_to_parent(self) -> None:
        """Runs in a forked child: closes the pipes, so that the child can neither answer nor keep them open."""
        self._is_forked = True
        self._lock = threading.Lock()
        for descriptor in (self._input, self._output):
            try:
                os.close(descriptor)
            except OSError:
                # Code of the project has closed it already.
                pass
        if not threads.is_lasting():
            # To the kernel, the parent is the forking thread, which may end long before its process.
            return
        process.die_with_parent()
        if os.getppid() != self._worker_pid:
            os._exit(0)

    @property
    def is_forked(self) -> bool:
        return self._is_forked


def _move_away(descriptor: int) -> int:
    for lowest in (200, 20):
        try:
            moved = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, lowest)
        except OSError:
            # Above the limit of open files: try a lower number.
            continue
        os.close(descriptor)
        return moved
    os.set_inheritable(descriptor, False)
    return descriptor
