"""What Python code of a project imports from the server."""

from typing import Any


def __getattr__(name: str) -> Any:
    """Names the module that has what code looks for here, which is a common slip."""
    if not name.startswith("_"):
        from . import runtime

        if name in runtime.__all__:
            raise ImportError("mxcp has no %s; write `from mxcp.runtime import %s`" % (name, name))
    raise AttributeError("module 'mxcp' has no attribute %r" % name)
