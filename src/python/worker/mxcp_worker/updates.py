"""Which resources code says it has changed. The server notifies clients that subscribed to them."""

from __future__ import annotations

import difflib
import re
import threading
from typing import Any, Iterable
from urllib.parse import quote, unquote

from .channel import Channel

_MAX_URI = 2048
#: Beyond this many, all resources of a template count as changed.
_MAX_URIS = 1000
_SHOWN_RESOURCES = 5

#: What RFC 3986 allows nowhere in a URI.
_NOT_ALLOWED = re.compile(r"[^A-Za-z0-9_\-.~:/?#\[\]@!$&'()*+,;=%]+")
_CODE = re.compile(r"%[0-9A-Fa-f]{2}")
_STRAY_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
_UNRESERVED = re.compile(r"[A-Za-z0-9_\-.~]")
#: A scheme with its host, where case does not matter.
_AUTHORITY = re.compile(r"[A-Za-z][A-Za-z0-9_+.\-]*:(?://[^/?#]*)?")


class Resources:
    """The URIs and templates of the server's resources."""

    def __init__(self, resources: Iterable[dict[str, Any]]) -> None:
        self._exact: dict[str, str] = {}
        self._templates: list[tuple[re.Pattern, str]] = []
        for resource in resources:
            uri = resource["uri"]
            if resource["pattern"] is None:
                self._exact[_key_of(uri)] = uri
            else:
                self._templates.append((re.compile(resource["pattern"]), uri))

    def find(self, uri: Any) -> tuple[str, str]:
        """The URI or template that a URI belongs to, or a template itself, in the spelling of the server, and the URI in it."""
        if not isinstance(uri, str):
            raise TypeError('the URI of a resource must be a str, not of type "%s"' % type(uri).__qualname__)
        if len(uri) > _MAX_URI:
            raise ValueError("the URI of a resource must not be longer than %d characters" % _MAX_URI)
        found = self._find(uri)
        if found is None:
            raise ValueError("there is no resource %s%s" % (_shown(uri), self._advice(uri)))
        return found

    def _find(self, uri: str) -> tuple[str, str] | None:
        if any(uri == template for _, template in self._templates):
            return uri, uri
        encoded = _encode(uri)
        if encoded is None:
            return None
        exact = self._exact.get(_key_of(encoded))
        if exact is not None:
            return exact, exact
        for pattern, template in self._templates:
            match = pattern.fullmatch(encoded)
            if match is not None and all(map(_is_text, match.groups())):
                return template, encoded
        return None

    def _advice(self, uri: str) -> str:
        known = [*self._exact.values(), *(template for _, template in self._templates)]
        if not known:
            return ": the project has no resources"
        close = difflib.get_close_matches(uri[:200], known, 1, 0.8)
        if close:
            return '; did you mean "%s"?' % close[0]
        more = len(known) - _SHOWN_RESOURCES
        listed = ", ".join(known[:_SHOWN_RESOURCES]) + (" and %d more" % more if more > 0 else "")
        return "; the resources of the project are %s" % listed


class UpdatedResources:
    """A set that a loop can add to for ever. Its owner synchronizes it."""

    def __init__(self) -> None:
        self._uris: set[str] = set()

    def add(self, declared: str, uri: str) -> None:
        self._uris.add(uri if len(self._uris) < _MAX_URIS else declared)

    def take(self) -> list[str]:
        taken = sorted(self._uris)
        self._uris.clear()
        return taken


class BackgroundUpdates:
    """Sends what code outside calls has changed. One message is on its way at a time; what comes meanwhile follows as the next."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._lock = threading.Lock()
        self._waiting = UpdatedResources()
        self._is_sending = False

    def add(self, declared: str, uri: str) -> None:
        with self._lock:
            self._waiting.add(declared, uri)
            if not self._is_sending:
                self._send()

    def proceed(self) -> None:
        """Runs in the reader thread when the server has the last message."""
        with self._lock:
            self._send()

    def _send(self) -> None:
        uris = self._waiting.take()
        self._is_sending = bool(uris)
        if uris:
            self._channel.send({"op": "updated", "uris": uris})


def _encode(uri: str) -> str | None:
    """One spelling of equivalent URIs, as the server has it. None for a text that no URI can have."""
    if _STRAY_PERCENT.search(uri):
        return None
    try:
        written = _NOT_ALLOWED.sub(lambda match: quote(match.group(), safe=""), uri)
    except UnicodeEncodeError:
        # A lone surrogate.
        return None
    authority, rest = _split(_CODE.sub(_plain_code, written))
    scheme, colon, host = authority.partition(":")
    return scheme.lower() + colon + host + rest.replace("[", "%5B").replace("]", "%5D")


def _plain_code(match: re.Match) -> str:
    character = chr(int(match.group()[1:], 16))
    return character if _UNRESERVED.fullmatch(character) else match.group().upper()


def _split(uri: str) -> tuple[str, str]:
    match = _AUTHORITY.match(uri)
    end = 0 if match is None else match.end()
    return uri[:end], uri[end:]


def _key_of(encoded: str) -> str:
    authority, rest = _split(encoded)
    return authority.lower() + rest


def _is_text(value: str) -> bool:
    try:
        unquote(value, errors="strict")
    except UnicodeDecodeError:
        return False
    return True


def _shown(uri: str) -> str:
    return '"%s"' % (uri if len(uri) <= 200 else uri[:200] + "…")
