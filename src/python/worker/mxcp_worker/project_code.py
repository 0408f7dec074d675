"""The modules of the project and the functions that endpoints name."""

from __future__ import annotations

import difflib
import importlib
import importlib.util
import inspect
import os
import sys
import threading
from types import ModuleType
from typing import Any, Callable

from .code_snapshot import CodeSnapshot
from .failures import ProjectFiles, prefixed


_OWN_PACKAGES = ("mxcp", "mxcp_worker")
#: Packages whose modules have another name.
_PACKAGES = {
    "PIL": "pillow",
    "bs4": "beautifulsoup4",
    "cv2": "opencv-python",
    "dateutil": "python-dateutil",
    "dotenv": "python-dotenv",
    "sklearn": "scikit-learn",
    "yaml": "pyyaml",
}


class NotCallable(Exception):
    """A function cannot be called. `problem` has the message, the file and the line."""

    def __init__(self, problem: dict[str, Any]) -> None:
        super().__init__()
        self.problem = problem


class ProjectCode:
    """Imports each file once. A failure is final: another attempt would run part of the file again."""

    def __init__(self, start: dict[str, Any], snapshot: CodeSnapshot, files: ProjectFiles) -> None:
        self._root: str = start["root"]
        self._python_folder: str = start["pythonFolder"]
        self._is_python_chosen: bool = start["isPythonChosen"]
        self._snapshot = snapshot
        self._files = files
        self._modules: dict[str, ModuleType] = {}
        self._failures: dict[str, dict[str, Any]] = {}
        self._functions: dict[tuple[str, str | None], Callable[..., Any]] = {}
        self._lock = threading.RLock()

    def import_file(self, file: str) -> dict[str, Any] | None:
        """Returns the failure, if any. `sys.exit()` at the top level of a file is only a failure of that file."""
        with self._lock:
            if file not in self._modules and file not in self._failures:
                try:
                    self._modules[file] = self._import(file)
                except BaseException as error:  # noqa: BLE001
                    self._failures[file] = self._describe(file, error)
            return self._failures.get(file)

    def function(self, file: str, name: str | None) -> Callable[..., Any]:
        """Raises NotCallable."""
        found = self._functions.get((file, name))
        if found is None:
            found = self._functions[file, name] = self._find(file, name)
        return found

    def problems(self, file: str, name: str | None, parameters: list[str]) -> list[dict[str, Any]]:
        """Why the function cannot be called with exactly these parameters by name."""
        try:
            function = self.function(file, name)
        except NotCallable as error:
            return [error.problem]
        label = name or getattr(function, "__name__", "the function")
        messages = _signature_problems(label, function, parameters)
        return [{"message": message, **self._place(file, function)} for message in messages]

    def _find(self, file: str, name: str | None) -> Callable[..., Any]:
        failure = self.import_file(file)
        if failure is not None:
            raise NotCallable(failure)
        module = self._modules[file]
        if name is None:
            return self._find_main(file, module)
        found = getattr(module, name, None)
        if callable(found):
            return found
        is_there = hasattr(module, name)
        reason = "%s is not a function" % name if is_there else "there is no function %s" % name
        raise NotCallable({"message": reason + _others(module), "file": file})

    def _find_main(self, file: str, module: ModuleType) -> Callable[..., Any]:
        stem = os.path.basename(file)[: -len(".py")]
        for candidate in ("main", stem, *_public_functions(module)):
            found = getattr(module, candidate, None)
            if callable(found):
                return found
        raise NotCallable({"message": "there is no function to call; define main()", "file": file})

    def _import(self, file: str) -> ModuleType:
        # The Python folder may be outside the project.
        path = os.path.normpath(os.path.join(self._root, file))
        if path not in self._snapshot:
            raise ImportError("the file %s was not there when the code was read" % file)
        name = self._module_name(path)
        if name is not None:
            module = importlib.import_module(name)
            if getattr(module, "__file__", None) == path:
                return module
        # Another module has the name (`json`), or the path has none (`v1.2/x.py`): load the file by path under a separate name.
        own_name = "mxcp_project." + file[: -len(".py")].replace("/", "_").replace(".", "_")
        spec = self._snapshot.spec(own_name, path, None)
        module = importlib.util.module_from_spec(spec)
        sys.modules[own_name] = module
        spec.loader.exec_module(module)
        return module

    def _module_name(self, path: str) -> str | None:
        for folder in (self._python_folder, self._root):
            if path.startswith(folder + os.sep):
                parts = path[len(folder) + 1 : -len(".py")].split(os.sep)
                if parts[-1] == "__init__":
                    parts.pop()
                return None if not parts or any("." in part for part in parts) else ".".join(parts)
        return None

    def _describe(self, file: str, error: BaseException) -> dict[str, Any]:
        described = self._files.describe(error)
        message = prefixed("cannot be imported: %s: " % described["type"], described["message"])
        if isinstance(message, str):
            message += self._remedy(error)
        traceback = described["traceback"]
        place = {"file": described.get("file", file), "line": described.get("line")}
        return {"message": message, "imported": file, "traceback": traceback, **place}

    def _remedy(self, error: BaseException) -> str:
        """What to do about a package that is missing; nothing if only a part of a module is missing."""
        missing = error.name if isinstance(error, ModuleNotFoundError) else None
        if not isinstance(missing, str):
            return ""
        name = missing.partition(".")[0]
        if name in sys.modules or name in _OWN_PACKAGES:
            return ""
        near = difflib.get_close_matches(name, self._own_modules(), 1)
        if near:
            return "; did you mean %s?" % near[0]
        package = _PACKAGES.get(name, name)
        return "; install it with `%s` (Python is %s)" % (self._installation(package), sys.executable)

    def _installation(self, package: str) -> str:
        own = os.path.join(self._root, ".venv")
        if sys.prefix == own:
            python = ".venv/bin/python"
        elif sys.prefix == sys.base_prefix and not self._is_python_chosen:
            return "python3 -m venv .venv && .venv/bin/pip install %s" % package
        else:
            python = sys.executable
        if importlib.util.find_spec("pip") is None:
            return "uv pip install --python %s %s" % (python, package)
        return "%s -m pip install %s" % (python, package)

    def _own_modules(self) -> set[str]:
        """The names at the top of the import path."""
        folders = [folder + os.sep for folder in (self._python_folder, self._root)]
        below = [path[len(folder) :] for path in self._snapshot for folder in folders if path.startswith(folder)]
        return {path.partition(os.sep)[0].partition(".")[0] for path in below}

    def _place(self, file: str, function: Callable[..., Any]) -> dict[str, Any]:
        code = getattr(inspect.unwrap(function), "__code__", None)
        if code is None or code.co_filename not in self._snapshot:
            return {"file": file}
        return {"file": self._files.relative(code.co_filename), "line": code.co_firstlineno}


def _public_functions(module: ModuleType) -> list[str]:
    return sorted(
        name
        for name, value in vars(module).items()
        if not name.startswith("_") and inspect.isroutine(value) and value.__module__ == module.__name__
    )


def _others(module: ModuleType) -> str:
    names = _public_functions(module)
    return "; the file defines %s" % ", ".join(names) if names else "; the file defines no function"


def _signature_problems(label: str, function: Callable[..., Any], given: list[str]) -> list[str]:
    try:
        parameters = inspect.signature(function).parameters.values()
    except Exception:  # noqa: BLE001
        # A function in C may have no signature, and code may compute one; a wrong call then fails when it is made.
        return []
    by_position = [each.name for each in parameters if each.kind is each.POSITIONAL_ONLY]
    by_name = [each for each in parameters if each.kind in (each.POSITIONAL_OR_KEYWORD, each.KEYWORD_ONLY)]
    takes_any = any(each.kind is each.VAR_KEYWORD for each in parameters)
    names = [each.name for each in by_name]
    unknown = [] if takes_any else [name for name in given if name not in names and name not in by_position]
    missing = [each.name for each in by_name if each.default is each.empty and each.name not in given]
    takes = "it takes %s" % ", ".join(names) if names else "it takes none"
    return [
        *("%s() has no parameter %s (%s)" % (label, name, takes) for name in unknown),
        *("%s() needs %s, which the endpoint does not declare" % (label, name) for name in missing),
        *("%s() takes %s by position only; arguments are given by name" % (label, name) for name in by_position),
    ]
