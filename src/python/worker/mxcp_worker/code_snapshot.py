"""Imports project modules from the sources as they were when the generation was built."""

from __future__ import annotations

import importlib.machinery
import importlib.util
import linecache
import os
import sys
from typing import Any, Callable, ContextManager, Iterator


class CodeSnapshot:
    """All Python sources of the project by absolute path."""

    def __init__(self, sources: dict[str, bytes], around_file: Callable[[], ContextManager[None]]) -> None:
        self._sources = sources
        #: A context manager that is entered while the top level of a file runs.
        self.around_file = around_file
        self._folders = {folder for path in sources for folder in _parents(path)}

    def __contains__(self, path: str) -> bool:
        return path in self._sources

    def __iter__(self) -> Iterator[str]:
        return iter(self._sources)

    def source(self, path: str) -> bytes:
        return self._sources[path]

    def install(self, folders: list[str]) -> None:
        """Puts the folders at the front of the import path."""
        sys.path[:0] = folders
        sys.meta_path.insert(0, _ModuleFinder(self))
        # Last, because a regular package anywhere takes precedence over a folder without `__init__.py`, as in Python itself.
        sys.meta_path.append(_NamespaceFinder(self))

    def find(self, name: str, folder: str) -> Any:
        base = os.path.join(folder, name.rpartition(".")[2])
        package = os.path.join(base, "__init__.py")
        if package in self._sources:
            return self.spec(name, package, [base])
        if base + ".py" in self._sources:
            return self.spec(name, base + ".py", None)
        return None

    def find_namespace(self, name: str, folders: list[str]) -> Any:
        last = name.rpartition(".")[2]
        found = [path for path in (os.path.join(folder, last) for folder in folders) if path in self._folders]
        if not found:
            return None
        spec = importlib.machinery.ModuleSpec(name, None, is_package=True)
        spec.submodule_search_locations = found
        return spec

    def spec(self, name: str, path: str, locations: list[str] | None) -> Any:
        return importlib.util.spec_from_file_location(
            name, path, loader=_SnapshotLoader(name, path, self), submodule_search_locations=locations
        )


class _SnapshotLoader(importlib.machinery.SourceFileLoader):
    """A `SourceFileLoader` that reads the snapshot. Without file times it neither reads nor writes `__pycache__`."""

    def __init__(self, name: str, path: str, snapshot: CodeSnapshot) -> None:
        super().__init__(name, path)
        self._snapshot = snapshot

    def get_data(self, path: str) -> bytes:
        return self._snapshot.source(path) if path in self._snapshot else super().get_data(path)

    def path_stats(self, path: str) -> Any:
        raise OSError("the file is read from the snapshot")

    def exec_module(self, module: Any) -> None:
        # Tracebacks show the lines that run, not those on disk. linecache trusts an entry without a modification time.
        text = self.get_source(module.__name__) or ""
        linecache.cache[self.path] = (len(text), None, text.splitlines(keepends=True), self.path)
        with self._snapshot.around_file():
            super().exec_module(module)


class _ModuleFinder:
    def __init__(self, snapshot: CodeSnapshot) -> None:
        self._snapshot = snapshot

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        for folder in sys.path if path is None else path:
            spec = self._snapshot.find(name, folder)
            if spec is not None:
                return spec
        return None


class _NamespaceFinder:
    def __init__(self, snapshot: CodeSnapshot) -> None:
        self._snapshot = snapshot

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        return self._snapshot.find_namespace(name, list(sys.path if path is None else path))


def _parents(path: str) -> list[str]:
    found = []
    folder = os.path.dirname(path)
    while folder and folder != os.path.dirname(folder):
        found.append(folder)
        folder = os.path.dirname(folder)
    return found
