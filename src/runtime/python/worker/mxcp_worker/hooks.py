"""Functions that run when a generation begins to serve, and after its last call."""

from __future__ import annotations

import inspect
from typing import Any, Callable

from .calls import in_thread
from .failures import ProjectFiles

Hook = Callable[[], Any]


class Hooks:
    def __init__(self) -> None:
        self.on_init: list[Hook] = []
        self.on_shutdown: list[Hook] = []

    async def run_init(self) -> None:
        """In the order in which they were registered. The first one that raises ends it: the server does not start on it."""
        for hook in self.on_init:
            await _run(hook)

    async def run_shutdown(self, files: ProjectFiles) -> list[dict[str, Any]]:
        """All of them, and tells what they raised."""
        failures = []
        for hook in self.on_shutdown:
            try:
                await _run(hook)
            except BaseException as error:  # noqa: BLE001
                failures.append(files.describe(error))
        return failures


async def _run(hook: Hook) -> None:
    outcome = hook() if inspect.iscoroutinefunction(hook) else await in_thread(hook)
    if inspect.isawaitable(outcome):
        await outcome
