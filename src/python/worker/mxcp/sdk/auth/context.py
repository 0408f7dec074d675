"""The caller of the running call."""

from __future__ import annotations

import dataclasses
from typing import Any, Dict, FrozenSet, Optional, Tuple

from mxcp_worker.job import current_job

__all__ = ["UserContext", "get_user_context"]


@dataclasses.dataclass(frozen=True)
class UserContext:
    """What the identity provider says about the caller; a field without information is None."""

    provider: Optional[str] = None
    user_id: Optional[str] = None
    username: Optional[str] = None
    email: Optional[str] = None
    name: Optional[str] = None
    avatar_url: Optional[str] = None
    raw_profile: Optional[Dict[str, Any]] = None
    external_token: Optional[str] = dataclasses.field(default=None, repr=False)
    role: Optional[str] = None
    permissions: Tuple[str, ...] = ()
    scopes: Tuple[str, ...] = ()
    capabilities: FrozenSet[str] = frozenset()


def get_user_context() -> Optional[UserContext]:
    """The caller; None for an anonymous caller and in code that belongs to no call."""
    job = current_job.get()
    if job is None or job.user is None:
        return None
    lists = {name: tuple(job.user[name]) for name in ("permissions", "scopes")}
    return UserContext(**{**job.user, **lists, "capabilities": frozenset(job.user["capabilities"])})
