"""Converts values of third-party packages to types of Python, without importing these packages."""

from __future__ import annotations

from typing import Any, Iterator, Optional

PACKAGES = frozenset({"numpy", "pandas", "polars", "pyarrow"})


def package_of(kind: type) -> Optional[str]:
    """The package that a type, or one of its base classes, comes from."""
    for base in kind.__mro__:
        package = base.__module__.partition(".")[0]
        if package in PACKAGES:
            return package
    return None


def to_python(value: Any) -> Any:
    """Converts a scalar, array or column to types of Python; returns any other value unchanged."""
    package = package_of(type(value))
    if package is None:
        return value
    if is_missing(value):
        return None
    if package == "numpy":
        return _from_numpy(value)
    if hasattr(value, "to_pydatetime") and hasattr(value, "nanosecond"):
        return value.to_pydatetime(warn=False)
    if hasattr(value, "to_pytimedelta") and hasattr(value, "nanoseconds"):
        return value.to_pytimedelta()
    if hasattr(value, "as_py"):
        return value.as_py()
    return value


def is_missing(value: Any) -> bool:
    """Whether a value is NaT or NA of pandas, or NaT of numpy."""
    name = type(value).__name__
    return name in ("NaTType", "NAType") or (name in ("datetime64", "timedelta64") and str(value) == "NaT")


def records_of(frame: Any) -> Optional[Iterator[dict]]:
    """The rows of a table of pandas, polars or pyarrow, without its index; None for any other value."""
    if hasattr(frame, "itertuples") and hasattr(frame, "columns"):
        names = unique_names([name if isinstance(name, str) else str(name) for name in frame.columns])
        return (dict(zip(names, row)) for row in frame.itertuples(index=False, name=None))
    if hasattr(frame, "iter_rows") and hasattr(frame, "to_dicts"):
        return frame.iter_rows(named=True)
    if hasattr(frame, "to_pylist") and hasattr(frame, "column_names"):
        return iter(frame.to_pylist())
    return None


def items_of(array: Any) -> Optional[Iterator[Any]]:
    """The items of an array or column; None for any other value, and for an array without dimensions."""
    if getattr(array, "ndim", None) == 0:
        return None
    if hasattr(array, "dtype") and hasattr(array, "shape"):
        # `tolist` turns times of numpy into numbers.
        is_plain = getattr(array.dtype, "kind", "O") in "biufUSO"
        return iter(array.tolist() if is_plain and hasattr(array, "tolist") else array)
    if hasattr(array, "to_list"):
        return iter(array.to_list())
    if hasattr(array, "to_pylist"):
        return iter(array.to_pylist())
    return None


def unique_names(names: list) -> list:
    """Duplicate column names get a numeric suffix (`_1`, `_2`, …), like those of a query."""
    taken, seen, unique = set(names), set(), []
    for name in names:
        candidate, count = name, 0
        while candidate in seen or (candidate != name and candidate in taken):
            count += 1
            candidate = f"{name}_{count}"
        seen.add(candidate)
        unique.append(candidate)
    return unique


def _from_numpy(value: Any) -> Any:
    name = type(value).__name__
    if hasattr(value, "tolist") and getattr(value, "ndim", 0) > 0:
        return [to_python(item) for item in items_of(value) or ()]
    if name == "ndarray":
        return to_python(value[()])
    if not hasattr(value, "item"):
        return value
    item = value.item()
    if name in ("datetime64", "timedelta64") and isinstance(item, int):
        # More precise, or with a wider range, than the type of Python: cut to microseconds.
        return value.astype(f"{name}[us]").item()
    # `item()` of a long double returns the long double itself.
    return float(item) if type(item) is type(value) and name == "longdouble" else item
