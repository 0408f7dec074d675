"""The types of the caller."""

from .context import UserContext

__all__ = ["UserContext"]
