"""The worker: takes what the server asks for, until the server's pipe ends."""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import os
import sys
import threading
import traceback
from typing import Any, Callable

from . import process, threads
from .calls import Calls
from .channel import Channel
from .code_snapshot import CodeSnapshot
from .database import Database
from .failures import ProjectFiles
from .hooks import Hook, Hooks
from .job import Job, current_job
from .project_code import NotCallable, ProjectCode
from .values import decode_arguments


class Worker:
    """One per process; `mxcp.runtime` reaches it through `present`."""

    def __init__(self, channel: Channel, start: dict[str, Any]) -> None:
        self.channel = channel
        self.configuration: dict[str, Any] = start["configuration"]
        self.database = Database(channel)
        self.hooks = Hooks()
        self.payloads: dict[int, Callable[[], Any]] = {}
        self.loop = asyncio.new_event_loop()
        self._snapshot = CodeSnapshot(_sources(start), self.hooks.of_file)
        self._files = ProjectFiles(start["root"], self._snapshot.__contains__)
        self._code = ProjectCode(start["root"], start["pythonFolder"], self._snapshot, self._files)
        self._calls = Calls(channel, self.loop, self._files)
        self._folders = [start["pythonFolder"], start["root"]]
        self._imports: list[str] = start["imports"]
        self.is_importing = True

    def import_all(self) -> list[dict[str, Any]]:
        """Imports every file, in the main thread and before there is any call. Returns what failed."""
        self._snapshot.install(self._folders)
        asyncio.set_event_loop(self.loop)
        failures = []
        for file in self._imports:
            self.channel.send({"op": "importing", "file": file})
            failures.append(self._code.import_file(file))
        # A file that ran a loop of its own has taken this one away.
        asyncio.set_event_loop(self.loop)
        self.is_importing = False
        return [failure for failure in failures if failure is not None]

    def tell(self, message: dict[str, Any]) -> None:
        """For a message that the code of a call may send at any moment."""
        job = current_job.get()
        with contextlib.nullcontext() if job is None else job.shield():
            self.channel.send(message)

    def add_shutdown_hook(self, hook: Hook) -> None:
        """The server hears of it first: a hook that it does not know of would not run."""
        if not self.channel.is_forked:
            self.tell({"op": "hook.shutdown"})
        self.hooks.on_shutdown(hook)

    def run_loop(self) -> None:
        """Never returns. What a task of the user's throws past the loop does not end the other calls."""
        while not self.loop.is_closed():
            try:
                self.loop.run_forever()
            except BaseException:  # noqa: BLE001
                traceback.print_exc()
        process.give_up(process.INTERNAL_ERROR, "code of the project has closed the event loop")

    def handle(self, message: dict[str, Any]) -> None:
        """In the reader thread, which must never wait for user code."""
        _HANDLERS[message["op"]](self, message)

    def _call(self, message: dict[str, Any]) -> None:
        job = Job(self.channel, message["job"], message["user"])
        limit = message["limit"]
        try:
            function = self._code.function(message["file"], message["function"])
        except NotCallable as error:
            problem = error.problem
            self.channel.send({"op": "done", "job": job.number, "failure": {"kind": "not_callable", **problem}})
            return
        self._calls.call(job, function, lambda: decode_arguments(message["arguments"]), limit)

    def _cancel(self, message: dict[str, Any]) -> None:
        self._calls.cancel(message["job"])

    def _hooks(self, message: dict[str, Any]) -> None:
        job = Job(self.channel, message["job"])
        job.is_hooks = True

        def report(failures: list[dict[str, Any]] | None) -> None:
            if failures:
                job.send({"op": "hook.failures", "job": job.number, "failures": failures})

        if message["kind"] == "init":
            self._calls.start_async(job, self.hooks.run_init, report)
        else:
            self._calls.start_async(job, lambda: self.hooks.run_shutdown(self._files), report)

    def _payload(self, message: dict[str, Any]) -> None:
        job = Job(self.channel, message["job"])
        job.has_database = False
        payload = self.payloads.pop(message["payload"])
        self._calls.start(job, payload, lambda _: None)

    def _release_payload(self, message: dict[str, Any]) -> None:
        self.payloads.pop(message["payload"], None)

    def _inspect(self, message: dict[str, Any]) -> None:
        def inspect() -> None:
            problems = self._code.problems(message["file"], message["function"], message["parameters"])
            self.channel.send({"op": "problems", "job": message["job"], "problems": problems})
            self.channel.send({"op": "done", "job": message["job"]})

        threads.run(inspect)

    def _exit(self, _: dict[str, Any]) -> None:
        threads.run(_leave)


_HANDLERS: dict[str, Callable[[Worker, dict[str, Any]], None]] = {
    "call": Worker._call,
    "cancel": Worker._cancel,
    "hooks": Worker._hooks,
    "payload": Worker._payload,
    "payload.release": Worker._release_payload,
    "inspect": Worker._inspect,
    "exit": Worker._exit,
    "db.columns": lambda worker, message: worker.database.deliver(message),
    "db.rows": lambda worker, message: worker.database.deliver(message),
    "db.end": lambda worker, message: worker.database.deliver(message),
    "db.error": lambda worker, message: worker.database.deliver(message),
}

_NO_SERVER = (
    "this process was started by code of the project and has no connection to the server: "
    "mxcp.runtime works in the process of the call and in its threads"
)

_present: list[Worker] = []


def is_present() -> bool:
    """False in a process that `multiprocessing` has started afresh: it imports code of the project too."""
    return bool(_present)


def present() -> Worker:
    """In a forked process it is a copy, which knows what the worker knew and cannot reach the server."""
    if not _present:
        raise RuntimeError(_NO_SERVER)
    return _present[0]


def connected() -> Worker:
    worker = present()
    if worker.channel.is_forked:
        raise RuntimeError(_NO_SERVER)
    return worker


def serve(channel: Channel) -> None:
    """Waits for the first message, which has all the code and the configuration, and never returns."""
    starts: list[dict[str, Any]] = []
    has_start = threading.Event()

    def handle(message: dict[str, Any]) -> None:
        if _present:
            present().handle(message)
        else:
            starts.append(message)
            _present.append(Worker(channel, message))
            has_start.set()

    channel.read(handle)
    has_start.wait()
    worker = present()
    channel.send({"op": "started", "failures": worker.import_all()})
    worker.run_loop()


def _sources(start: dict[str, Any]) -> dict[str, bytes]:
    # Sources in another encoding than UTF-8 come as they are, a character for each byte.
    sources = {path: text.encode("utf-8") for path, text in start["sources"].items()}
    sources.update({path: text.encode("latin-1") for path, text in start["otherSources"].items()})
    return sources


def _leave() -> None:
    try:
        # What `tempfile` and others clean up. Threads of the user's are not waited for, unlike in a normal exit.
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(0)
