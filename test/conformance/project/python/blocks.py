"""Tools that answer with more than text."""

import base64
import json

from mxcp.runtime import mcp

PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg=="
)
SILENCE = base64.b64decode("UklGRiYAAABXQVZFZm10IBAAAAABAAEAQB8AAAB9AAACABAAZGF0YQIAAAA=")


def test_image_content():
    return mcp.Image(PIXEL, "image/png")


def test_audio_content():
    return mcp.Audio(SILENCE, "audio/wav")


def test_embedded_resource():
    return mcp.Resource("test://embedded-resource", "This is an embedded resource.", "text/plain")


def test_multiple_content_types():
    data = json.dumps({"test": "data", "value": 123})
    return [
        "Multiple content types test:",
        mcp.Image(PIXEL, "image/png"),
        mcp.Resource("test://mixed-content-resource", data, "application/json"),
    ]
