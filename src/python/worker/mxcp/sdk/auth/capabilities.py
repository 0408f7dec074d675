"""What the caller may do: the capabilities that `claim_mappings` or a static token gives."""

from __future__ import annotations

from typing import FrozenSet, Optional

from .context import UserContext, get_user_context

__all__ = ["get_capabilities", "has_capability"]


def get_capabilities(user: Optional[UserContext] = None) -> FrozenSet[str]:
    """The capabilities of a caller; those of the caller of the running call unless one is given."""
    found = user or get_user_context()
    return frozenset() if found is None else found.capabilities


def has_capability(name: str, user: Optional[UserContext] = None) -> bool:
    return name in get_capabilities(user)
