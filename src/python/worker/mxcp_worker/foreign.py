"""Converts values of third-party packages to types of Python, without importing these packages."""

from __future__ import annotations

from typing import Any, Callable, Dict, Iterator, List, Optional

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
    """Whether a value is NaT or NA of pandas, or NaT or a masked item of numpy."""
    name = type(value).__name__
    return name in ("NaTType", "NAType", "MaskedConstant") or (name in ("datetime64", "timedelta64") and str(value) == "NaT")


def records_of(frame: Any, to_name: Callable[[Any], str]) -> Optional[Iterator[Dict[str, Any]]]:
    """The rows of a table, and of a column of pandas whose index is data; None for any other value."""
    if hasattr(frame, "itertuples") and hasattr(frame, "columns"):
        levels = _levels_of(frame.index)
        rows = frame.itertuples(index=bool(levels), name=None)
        if len(levels) > 1:
            rows = ((*index, *values) for index, *values in rows)
        return _to_records([*levels, *frame.columns], rows, to_name)
    if _is_pandas_column(frame):
        levels = _levels_of(frame.index)
        if not levels or _is_labelled(frame):
            return None
        pairs = frame.items()
        rows = pairs if len(levels) == 1 else ((*index, value) for index, value in pairs)
        return _to_records([*levels, "value" if frame.name is None else frame.name], rows, to_name)
    if hasattr(frame, "iter_rows") and hasattr(frame, "to_dicts"):
        return frame.iter_rows(named=True)
    if hasattr(frame, "to_pylist") and hasattr(frame, "column_names"):
        return _to_records(frame.column_names, zip(*(column.to_pylist() for column in frame.columns)), to_name)
    return None


def fields_of(value: Any) -> Optional[Dict[str, Any]]:
    """The fields of a row: a column of pandas that is labelled with texts, a record of numpy. None for any other value."""
    if _is_pandas_column(value):
        return dict(value.items()) if _levels_of(value.index) and _is_labelled(value) else None
    names = getattr(getattr(value, "dtype", None), "names", None)
    return {name: value[name] for name in names} if names and getattr(value, "ndim", None) == 0 else None


def _is_pandas_column(value: Any) -> bool:
    return package_of(type(value)) == "pandas" and hasattr(value, "index") and hasattr(value, "dtype")


def _is_labelled(column: Any) -> bool:
    """Whether a column is a row of a table, or a list of figures by name: every label is another text."""
    index = column.index
    is_simple = len(index) > 0 and getattr(index, "nlevels", 1) == 1 and index.name is None
    return is_simple and index.is_unique and all(isinstance(label, str) for label in index)


def _levels_of(index: Any) -> List[Any]:
    """The columns that an index becomes, as `reset_index` names them; none for the plain range that only counts the rows."""
    if index.nlevels == 1:
        if index.name is None:
            return [] if type(index).__name__ == "RangeIndex" else ["index"]
        return [index.name]
    return ["level_%d" % level if name is None else name for level, name in enumerate(index.names)]


def _to_records(labels: Any, rows: Any, to_name: Callable[[Any], str]) -> Iterator[Dict[str, Any]]:
    names = unique_names([_column_name(label, to_name) for label in labels])
    return (dict(zip(names, row)) for row in rows)


def _column_name(label: Any, to_name: Callable[[Any], str]) -> str:
    """The levels of a column of several are joined: `("delay", "mean")` becomes `delay_mean`."""
    if isinstance(label, str):
        return label
    if isinstance(label, tuple):
        return "_".join(filter(None, (_column_name(part, to_name) for part in label)))
    return to_name(label)


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
