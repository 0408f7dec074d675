"""The worker: does what the server asks for until the pipe from the server ends."""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import os
import sys
import threading
import traceback
from typing import Any, Callable

from . import output, process, threads
from .calls import Calls, ResultPart
from .channel import Channel
from .code_snapshot import CodeSnapshot
from .database import Database
from .failures import ProjectFiles
from .hooks import Hook, Hooks
from .job import Job, current_job
from .project_code import NotCallable, ProjectCode
from .questions import Questions
from .updates import BackgroundUpdates, Resources
from .values import decode_arguments


class Worker:
    """One for each process. `mxcp.runtime` gets it with `present`."""

    def __init__(self, channel: Channel, start: dict[str, Any]) -> None:
        self.channel = channel
        self.configuration: dict[str, Any] = start["configuration"]
        self.database = Database(channel)
        self.hooks = Hooks()
        self.payloads: dict[int, Callable[[], Any]] = {}
        self.resources = Resources(start["resources"])
        self.updates = BackgroundUpdates(channel)
        self.loop = asyncio.new_event_loop()
        self._snapshot = CodeSnapshot(_sources(start), self.hooks.of_file)
        self._files = ProjectFiles(start["root"], self._snapshot.__contains__)
        self._code = ProjectCode(start, self._snapshot, self._files)
        self._calls = Calls(channel, self.loop, self._files)
        self._folders = [start["pythonFolder"], start["root"]]
        self._imports: list[str] = start["imports"]
        self.is_importing = True

    def import_all(self) -> list[dict[str, Any]]:
        """Imports every file in the main thread, before the first call. Returns the failures."""
        self._snapshot.install(self._folders)
        asyncio.set_event_loop(self.loop)
        failures = []
        for file in self._imports:
            self.channel.send({"op": "importing", "file": file})
            failures.append(self._code.import_file(file))
        # A file that ran its own event loop has replaced this one.
        asyncio.set_event_loop(self.loop)
        self.is_importing = False
        return [failure for failure in failures if failure is not None]

    def send(self, message: dict[str, Any]) -> None:
        """Sends a message from the code of a call, which may be interrupted at any moment."""
        job = current_job.get()
        with contextlib.nullcontext() if job is None else job.shield():
            self.channel.send(message)

    def add_shutdown_hook(self, hook: Hook) -> None:
        """Reports the hook to the server first, which would not run hooks that it does not know of."""
        if not self.channel.is_forked:
            self.send({"op": "hook.shutdown"})
        self.hooks.on_shutdown(hook)

    def run_loop(self) -> None:
        """Never returns. An exception that a task of the project raises through the loop does not end the other calls."""
        while not self.loop.is_closed():
            try:
                self.loop.run_forever()
            except BaseException:  # noqa: BLE001
                traceback.print_exc()
        process.give_up(process.INTERNAL_ERROR, "code of the project has closed the event loop")

    def handle(self, message: dict[str, Any]) -> None:
        """Runs in the reader thread, which must never wait for code of the project."""
        _HANDLERS[message["op"]](self, message)

    def _call(self, message: dict[str, Any]) -> None:
        job = Job(self.channel, message["job"], message["user"], message["trace"], Questions(message["client"]))
        part = ResultPart(message["limit"], **(message["part"] or {}))
        try:
            function = self._code.function(message["file"], message["function"])
        except NotCallable as error:
            problem = error.problem
            self.channel.send({"op": "done", "job": job.number, "failure": {"kind": "not_callable", **problem}})
            return
        self._calls.call(job, function, lambda: decode_arguments(message["arguments"]), part)

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
        job = Job(self.channel, message["job"])

        def inspect() -> Any:
            return self._code.problems(message["file"], message["function"], message["parameters"])

        self._calls.start(job, inspect, lambda found: job.send({"op": "problems", "job": job.number, "problems": found}))

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
    "updated.taken": lambda worker, _: worker.updates.proceed(),
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
    """False in a new process of `multiprocessing`, which imports code of the project too."""
    return bool(_present)


def present() -> Worker:
    """The worker. A forked process has a copy with all its data, which cannot reach the server."""
    if not _present:
        raise RuntimeError(_NO_SERVER)
    return _present[0]


def connected() -> Worker:
    worker = present()
    if worker.channel.is_forked:
        raise RuntimeError(_NO_SERVER)
    return worker


def serve(channel: Channel) -> None:
    """Waits for the first message, which has all code and the configuration. Never returns."""
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
    # Sources that are not UTF-8 arrive with one character for each byte.
    sources = {path: text.encode("utf-8") for path, text in start["sources"].items()}
    sources.update({path: text.encode("latin-1") for path, text in start["otherSources"].items()})
    return sources


def _leave() -> None:
    try:
        # Runs the clean-up of `tempfile` and others. Unlike a normal exit, it does not wait for threads of the project.
        atexit._run_exitfuncs()
        # Code may have replaced them.
        sys.stdout.flush()
        sys.stderr.flush()
        output.end_all()
    finally:
        os._exit(0)
