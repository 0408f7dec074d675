"""Draws figures of third-party packages as images. A figure exists only where its package is imported, so none is imported here."""

from __future__ import annotations

import io
import sys
from typing import Any, Callable, Dict, Optional, Tuple

#: The bytes of an image and their MIME type.
Rendered = Tuple[bytes, str]
Render = Callable[[Any], Rendered]


def render_figure(value: Any) -> Optional[Rendered]:
    """None for a value that is no figure."""
    render = render_of(type(value))
    return None if render is None else render(value)


def render_of(kind: type) -> Optional[Render]:
    """What draws values of a type; None if they are no figures."""
    if kind not in _KNOWN:
        _KNOWN[kind] = next((render for base in kind.__mro__ for render in [_renderer(base)] if render is not None), None)
    return _KNOWN[kind]


def _renderer(base: type) -> Optional[Render]:
    if base.__name__ == "TopLevelMixin" and base.__module__.startswith("altair."):
        return _draw_altair
    return _BASES.get((base.__module__, base.__name__))


# What keeps most of the modes that PNG does not have. RGB is for all others.
_PNG_MODES = {"I": "I;16", "F": "L", "La": "LA", "PA": "RGBA", "RGBa": "RGBA"}


def _save_pillow(image: Any) -> Rendered:
    """A photograph that was read from a JPEG file stays one; anything else becomes PNG, which loses nothing."""
    buffer = io.BytesIO()
    if image.format == "JPEG" and image.mode in ("L", "RGB"):
        image.save(buffer, "JPEG", quality=90)
        return buffer.getvalue(), "image/jpeg"
    if image.mode not in ("1", "L", "LA", "I;16", "P", "RGB", "RGBA"):
        image = image.convert(_PNG_MODES.get(image.mode, "RGB"))
    image.save(buffer, "PNG")
    return buffer.getvalue(), "image/png"


def _draw_matplotlib(figure: Any) -> Rendered:
    """pyplot keeps every figure that it has made, so this one is taken from it: it was made for one answer."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", bbox_inches="tight")
    pyplot = sys.modules.get("matplotlib.pyplot")
    if pyplot is not None:
        pyplot.close(figure)
    return buffer.getvalue(), "image/png"


def _draw_axes(axes: Any) -> Rendered:
    """Axes, which pandas and seaborn return, as the whole figure that they are in."""
    figure = axes.figure
    while render_of(type(figure)) is not _draw_matplotlib:
        figure = figure.figure
    return _draw_matplotlib(figure)


def _draw_altair(chart: Any) -> Rendered:
    """Altair itself explains which package it needs for that."""
    buffer = io.BytesIO()
    chart.save(buffer, format="png", scale_factor=2)
    return buffer.getvalue(), "image/png"


_BASES: "Dict[Tuple[str, str], Render]" = {
    ("PIL.Image", "Image"): _save_pillow,
    ("matplotlib.figure", "Figure"): _draw_matplotlib,
    ("matplotlib.axes._base", "_AxesBase"): _draw_axes,
    ("seaborn.axisgrid", "_BaseGrid"): _draw_axes,
}

# Grows by one entry for each type that a project returns.
_KNOWN: "Dict[type, Optional[Render]]" = {}
