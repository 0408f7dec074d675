"""What the code of a call asks its client. The function runs again from its start once there is an answer."""

from __future__ import annotations

import hashlib
import json
import re
import threading
from typing import Any

from .failures import Unsupported
from .question_schemas import UnfitAnswer, check_answer, to_schema

#: Questions of one call. Their answers go through the client and back.
_MAX_QUESTIONS = 20
_MAX_QUESTION_BYTES = 64 * 1024
#: Characters that hide or turn around what the rest of a message says.
_HIDING = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
_KEY = re.compile(r"[A-Za-z0-9_.-]{1,64}")


class QuestionAsked(BaseException):
    """Ends the function, because the client has to answer first. `except Exception` does not catch it."""



class Questions:
    """The questions of one call, and the answers to those that it asked before. Tasks and threads of the call share it."""

    def __init__(self, client: dict[str, Any]) -> None:
        self._kinds: list[str] = client["asks"]
        self._answers: dict[str, dict[str, Any]] = client["answers"]
        self._lock = threading.Lock()
        self._keys: set[str] = set()
        self._asked: list[dict[str, Any]] = []
        self._failure: dict[str, Any] | None = None

    @property
    def outcome(self) -> dict[str, Any] | None:
        """How the call ends because of its questions, whatever the function has returned or raised. None if it needs nothing more."""
        with self._lock:
            if self._failure is not None:
                return self._failure
            return {"kind": "asks", "questions": self._asked} if self._asked else None

    def supports(self, kind: str) -> bool:
        return kind in self._kinds

    def elicit(self, message: str, fields: Any, key: str | None) -> tuple[str, dict[str, Any] | None]:
        """What the person did, and what was entered. Raises QuestionAsked as long as there is no answer, and Unsupported."""
        schema = to_schema(fields)
        name, answer = self.ask("elicitation", {"message": _visible(str(message)), "requestedSchema": schema}, key)
        try:
            return check_answer(answer, schema)
        except UnfitAnswer as error:
            with self._lock:
                self._failure = {"kind": "unfit_answer", "key": name, "reason": str(error)}
            raise QuestionAsked(name) from None

    def ask(self, kind: str, params: dict[str, Any], key: str | None) -> tuple[str, dict[str, Any]]:
        """The key of the question, and what the client answered."""
        if kind not in self._kinds:
            raise Unsupported(kind)
        digest = _digest(kind, params)
        with self._lock:
            name = self._take_key(key)
            known = self._answers.get(name)
            # An answer that came before any question counts where the code itself has named the question.
            if known is None or (known.get("digest") is None and key is None):
                self._asked.append({"key": name, "kind": kind, "params": params, "digest": digest})
                raise QuestionAsked(name)
            if known.get("digest") not in (digest, None):
                self._failure = {"kind": "asks_otherwise", "key": name}
                raise QuestionAsked(name)
        return name, known["answer"]

    def _take_key(self, key: str | None) -> str:
        name = "question-%d" % (len(self._keys) + 1) if key is None else key
        if not isinstance(name, str) or not _KEY.fullmatch(name) or name.startswith("mxcp."):
            raise ValueError('`key` must have 1 to 64 letters, digits, "_", "-" and ".", and must not begin with "mxcp."')
        if name in self._keys:
            raise ValueError("the key %r was used already; each question of a call needs a key of its own" % name)
        if len(self._keys) >= _MAX_QUESTIONS:
            raise ValueError("a call may ask at most %d questions" % _MAX_QUESTIONS)
        self._keys.add(name)
        return name


def _visible(text: str) -> str:
    return _HIDING.sub(lambda match: "\\u%04x" % ord(match.group()), text)


def _digest(kind: str, params: dict[str, Any]) -> str:
    try:
        text = json.dumps([kind, params], sort_keys=True, separators=(",", ":"), allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ValueError("a question must be plain JSON: %s" % error) from None
    if len(text) > _MAX_QUESTION_BYTES:
        raise ValueError("a question must not be larger than %d bytes" % _MAX_QUESTION_BYTES)
    return hashlib.sha256(text.encode("utf-8")).hexdigest()
