"""What code can ask about the call that it runs in."""

from __future__ import annotations

import dataclasses
from typing import Any, Dict, Optional

from mxcp_worker import worker as _worker
from mxcp_worker.job import current_job

from ..auth.context import UserContext, get_user_context

__all__ = ["ExecutionContext", "get_execution_context"]


@dataclasses.dataclass(frozen=True)
class ExecutionContext:
    """The caller, the configuration, and values that code of this call keeps with `set`."""

    user_context: Optional[UserContext] = None
    _values: Dict[str, Any] = dataclasses.field(default_factory=dict, repr=False)

    def get(self, key: str, default: Any = None) -> Any:
        """`user_config`, `site_config`, or what `set` kept."""
        if key in self._values:
            return self._values[key]
        names = {"user_config": "userConfig", "site_config": "siteConfig"}
        return _worker.present().configuration[names[key]] if key in names else default

    def set(self, key: str, value: Any) -> None:
        self._values[key] = value


def get_execution_context() -> Optional[ExecutionContext]:
    """The context of the running call; None in code that belongs to no call."""
    job = current_job.get()
    return None if job is None else ExecutionContext(get_user_context(), job.values)
