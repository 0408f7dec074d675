"""Content that is no JSON: images, audio, links and documents. Each becomes one content block of MCP."""

from __future__ import annotations

import base64
import datetime
import mimetypes
import pathlib
import re
from typing import Any, Callable, Dict, Optional, Sequence, Union

from .figures import render_figure, render_of

Data = Union[bytes, bytearray, memoryview, pathlib.Path]

_MIME_TYPE = re.compile(r"[\w!#$&^.+-]{1,127}/[\w!#$&^.+-]{1,127}(\s*;\s*[\w!#$&^.+-]+=([\w!#$&^.+/-]+|\"[^\"]*\"))*", re.ASCII)
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[\w\-.~:/?#\[\]@!$&'()*+,;=%]*", re.ASCII)
_AUDIENCES = ("user", "assistant")


class Content:
    """What all kinds of content have: for whom it is, how important it is from 0 to 1, and when it was last changed."""

    _kind = "content"

    def __init__(
        self,
        *,
        audience: Optional[Sequence[str]] = None,
        priority: Optional[float] = None,
        last_modified: Union[str, datetime.datetime, None] = None,
    ) -> None:
        self._annotations: Dict[str, Any] = {}
        if audience is not None:
            self._annotations["audience"] = _checked_audience(audience)
        if priority is not None:
            if isinstance(priority, bool) or not isinstance(priority, (int, float)) or not 0 <= priority <= 1:
                raise ValueError("`priority` must be a number from 0 to 1, not %r" % (priority,))
            self._annotations["priority"] = priority
        if last_modified is not None:
            self._annotations["lastModified"] = _moment(last_modified)

    def __repr__(self) -> str:
        return "<mcp.%s>" % type(self).__name__

    def to_block(self) -> Dict[str, Any]:
        """The content block, as clients get it."""
        block = self._own_block()
        return {**block, "annotations": self._annotations} if self._annotations else block

    def _own_block(self) -> Dict[str, Any]:
        raise NotImplementedError


class Text(Content):
    """Plain text. A string is the same; this class is for text with annotations."""

    _kind = "text"

    def __init__(self, text: str, **annotations: Any) -> None:
        super().__init__(**annotations)
        if not isinstance(text, str):
            raise TypeError("mcp.Text() takes a string, not %s" % type(text).__name__)
        self._text = text

    def _own_block(self) -> Dict[str, Any]:
        return {"type": "text", "text": self._text}


class _Media(Content):
    """Bytes of one kind of MIME types."""

    def __init__(self, data: Data, mime_type: Optional[str] = None, **annotations: Any) -> None:
        super().__init__(**annotations)
        name = "mcp.%s()" % type(self).__name__
        self._bytes = _read(data, name)
        found = mime_type or _guess(data) or recognise(self._bytes)
        if found is None:
            raise ValueError("%s cannot tell the MIME type of this data; pass it as the second argument" % name)
        self._mime_type = _checked_type(found)
        if not self._mime_type.startswith(self._kind + "/"):
            raise ValueError("%s takes data of a type %s/…, not %s" % (name, self._kind, self._mime_type))

    def _own_block(self) -> Dict[str, Any]:
        return {"type": self._kind, "mimeType": self._mime_type, "data": _to_base64(self._bytes)}


class Image(_Media):
    """An image from bytes, from a file (`pathlib.Path`), or from a figure of Pillow, matplotlib or Altair."""

    _kind = "image"

    def __init__(self, data: Any, mime_type: Optional[str] = None, **annotations: Any) -> None:
        rendered = render_figure(data)
        if rendered is None:
            super().__init__(data, mime_type, **annotations)
            return
        found, found_type = rendered
        if mime_type not in (None, found_type):
            raise ValueError("mcp.Image() makes %s of this figure, not %s" % (found_type, mime_type))
        super().__init__(found, found_type, **annotations)


class Audio(_Media):
    """A recording from bytes or from a file (`pathlib.Path`)."""

    _kind = "audio"


class Link(Content):
    """A link that the client may follow: a resource of this server, or any other URI."""

    _kind = "link"

    def __init__(
        self,
        uri: str,
        name: Optional[str] = None,
        *,
        title: Optional[str] = None,
        description: Optional[str] = None,
        mime_type: Optional[str] = None,
        size: Optional[int] = None,
        **annotations: Any,
    ) -> None:
        super().__init__(**annotations)
        self._uri = _checked_uri(uri)
        self._name = self._uri if name is None else str(name)
        self._title = title
        self._description = description
        self._mime_type = None if mime_type is None else _checked_type(mime_type)
        if size is not None and (isinstance(size, bool) or not isinstance(size, int) or size < 0):
            raise ValueError("`size` must be a number of bytes, not %r" % (size,))
        self._size = size

    def _own_block(self) -> Dict[str, Any]:
        optional = {
            "title": None if self._title is None else str(self._title),
            "description": None if self._description is None else str(self._description),
            "mimeType": self._mime_type,
            "size": self._size,
        }
        given = {key: value for key, value in optional.items() if value is not None}
        return {"type": "resource_link", "uri": self._uri, "name": self._name, **given}


class Resource(Content):
    """A document with a URI, embedded as a whole: text, bytes, or a file (`pathlib.Path`)."""

    _kind = "resource"

    def __init__(self, uri: str, content: Union[str, Data], mime_type: Optional[str] = None, **annotations: Any) -> None:
        super().__init__(**annotations)
        self._uri = _checked_uri(uri)
        found = mime_type or _guess(content)
        self._mime_type = None if found is None else _checked_type(found)
        self._content: Union[str, bytes] = content if isinstance(content, str) else _read(content, "mcp.Resource()")
        if isinstance(content, pathlib.Path) and is_text_type(self._mime_type):
            self._content = self._content.decode("utf-8") if isinstance(self._content, bytes) else self._content

    def _own_block(self) -> Dict[str, Any]:
        contents: Dict[str, Any] = {"uri": self._uri}
        if self._mime_type is not None:
            contents["mimeType"] = self._mime_type
        if isinstance(self._content, str):
            contents["text"] = self._content
        else:
            contents["blob"] = _to_base64(self._content)
        return {"type": "resource", "resource": contents}


def content_of(value: Any) -> Optional[Content]:
    """The value as content: content itself, or a figure. None for any other value."""
    if isinstance(value, Content):
        return value
    return Image(value) if render_of(type(value)) is not None else None


def is_content_type(kind: type) -> bool:
    """Whether values of a type are content."""
    return issubclass(kind, Content) or render_of(kind) is not None


def explain_misplaced(kind: type) -> Optional[str]:
    """Why content of this type cannot be a part of a JSON value, after its path; None for any other type."""
    if not is_content_type(kind):
        return None
    return "is of type \"%s\": content must be the whole result or an item of the list that is the whole result" % kind.__qualname__


_TEXT_TYPES = re.compile(r"text/|application/(json|xml|yaml|javascript|sql)\b|[^;]*\+(json|xml|yaml)\b")


def is_text_type(mime_type: Optional[str]) -> bool:
    return mime_type is not None and _TEXT_TYPES.match(mime_type) is not None


_SIGNATURES = (
    ("image/png", lambda head: head.startswith(b"\x89PNG\r\n\x1a\n")),
    ("image/jpeg", lambda head: head.startswith(b"\xff\xd8\xff")),
    ("image/gif", lambda head: head.startswith((b"GIF87a", b"GIF89a"))),
    ("image/webp", lambda head: head.startswith(b"RIFF") and head[8:12] == b"WEBP"),
    ("image/svg+xml", lambda head: re.match(rb"\s*(<\?xml[^>]*>\s*)?<svg[\s>]", head) is not None),
    ("audio/wav", lambda head: head.startswith(b"RIFF") and head[8:12] == b"WAVE"),
    ("audio/mpeg", lambda head: head.startswith((b"ID3", b"\xff\xfb", b"\xff\xf3"))),
    ("audio/ogg", lambda head: head.startswith(b"OggS")),
    ("audio/flac", lambda head: head.startswith(b"fLaC")),
)  # type: tuple[tuple[str, Callable[[bytes], bool]], ...]


def recognise(data: bytes) -> Optional[str]:
    """The MIME type that the first bytes tell."""
    head = data[:256]
    return next((mime_type for mime_type, matches in _SIGNATURES if matches(head)), None)


def _guess(data: Any) -> Optional[str]:
    return mimetypes.guess_type(data.name)[0] if isinstance(data, pathlib.Path) else None


def _read(data: Any, name: str) -> bytes:
    if isinstance(data, pathlib.Path):
        return data.read_bytes()
    if isinstance(data, (bytes, bytearray, memoryview)):
        return bytes(data)
    raise TypeError("%s takes bytes or a pathlib.Path, not %s" % (name, type(data).__name__))


def _to_base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _checked_type(mime_type: str) -> str:
    if not isinstance(mime_type, str) or _MIME_TYPE.fullmatch(mime_type) is None:
        raise ValueError("%r is no MIME type; write one such as \"image/png\"" % (mime_type,))
    return mime_type


def _checked_uri(uri: str) -> str:
    if not isinstance(uri, str) or _URI.fullmatch(uri) is None:
        raise ValueError("%r is no URI with a scheme, such as \"report://2024\" or \"https://example.com/a%%20b\"" % (uri,))
    return uri


def _checked_audience(audience: Sequence[str]) -> "list[str]":
    listed = [audience] if isinstance(audience, str) else list(audience)
    unknown = [each for each in listed if each not in _AUDIENCES]
    if unknown or not listed:
        raise ValueError('`audience` must have "user", "assistant" or both, not %r' % (audience,))
    return listed


def _moment(value: Union[str, datetime.datetime]) -> str:
    """ISO 8601 with a zone; a datetime without one is in UTC."""
    if isinstance(value, datetime.datetime):
        return (value if value.tzinfo is not None else value.replace(tzinfo=datetime.timezone.utc)).isoformat()
    if isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)", value):
        return value
    raise ValueError('`last_modified` must be a datetime or a text such as "2024-05-01T12:00:00Z", not %r' % (value,))
