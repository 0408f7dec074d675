"""Tools that ask the client: the person, the model, and for its folders."""

import asyncio
import json
from typing import Any, Dict, List

from mxcp.runtime import mcp


def _form(**properties: Dict[str, Any]) -> Dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties)}


def _optional_form(**properties: Dict[str, Any]) -> Dict[str, Any]:
    return {"type": "object", "properties": properties, "required": []}


def _titled(values: List[str], titles: List[str]) -> List[Dict[str, str]]:
    return [{"const": value, "title": title} for value, title in zip(values, titles)]


async def test_elicitation(message: str) -> str:
    form = _form(
        username={"type": "string", "description": "User's response"},
        email={"type": "string", "description": "User's email address"},
    )
    answer = await mcp.elicit(message, form)
    return "User response: action=%s, content=%s" % (answer.action, json.dumps(answer.content or {}))


async def test_elicitation_sep1034_defaults() -> str:
    form = _optional_form(
        name={"type": "string", "description": "User name", "default": "John Doe"},
        age={"type": "integer", "description": "User age", "default": 30},
        score={"type": "number", "description": "User score", "default": 95.5},
        status={
            "type": "string",
            "description": "User status",
            "enum": ["active", "inactive", "pending"],
            "default": "active",
        },
        verified={"type": "boolean", "description": "Verification status", "default": True},
    )
    answer = await mcp.elicit("Please review and update the form fields with defaults", form)
    return "Elicitation completed: action=%s, content=%s" % (answer.action, json.dumps(answer.content or {}))


async def test_elicitation_sep1330_enums() -> str:
    options = ["option1", "option2", "option3"]
    values = ["value1", "value2", "value3"]
    choices = _titled(values, ["First Choice", "Second Choice", "Third Choice"])
    form = _optional_form(
        untitledSingle={"type": "string", "description": "Select one option", "enum": options},
        titledSingle={
            "type": "string",
            "description": "Select one option with titles",
            "oneOf": _titled(values, ["First Option", "Second Option", "Third Option"]),
        },
        legacyEnum={
            "type": "string",
            "description": "Select one option (legacy)",
            "enum": ["opt1", "opt2", "opt3"],
            "enumNames": ["Option One", "Option Two", "Option Three"],
        },
        untitledMulti={
            "type": "array",
            "description": "Select multiple options",
            "minItems": 1,
            "maxItems": 3,
            "items": {"type": "string", "enum": options},
        },
        titledMulti={
            "type": "array",
            "description": "Select multiple options with titles",
            "minItems": 1,
            "maxItems": 3,
            "items": {"anyOf": choices},
        },
    )
    answer = await mcp.elicit("Please select options from the enum fields", form)
    return "Elicitation completed: action=%s, content=%s" % (answer.action, json.dumps(answer.content or {}))


async def test_streaming_elicitation() -> str:
    answer = await mcp.elicit("Continue?", _form(ok={"type": "boolean"}))
    return answer.action


async def test_sampling(prompt: str) -> str:
    return "LLM response: %s" % await mcp.sample(prompt, max_tokens=100)


async def test_missing_capability() -> str:
    return await mcp.sample("Anything", max_tokens=10)


async def test_input_required_result_elicitation() -> str:
    answer = await mcp.elicit("What is your name?", _form(name={"type": "string"}), key="user_name")
    return "Hello, %s!" % answer.content["name"]


async def test_input_required_result_sampling() -> str:
    return await mcp.sample("What is the capital of France?", max_tokens=100, key="capital_question")


async def test_input_required_result_list_roots() -> str:
    roots = await mcp.list_roots(key="client_roots")
    return "The folders are: %s" % ", ".join(root["uri"] for root in roots)


async def test_input_required_result_request_state() -> str:
    await mcp.elicit("Please confirm", _form(ok={"type": "boolean"}), key="confirm")
    return "state-ok"


async def test_input_required_result_multiple_inputs() -> str:
    answer, greeting, roots = await asyncio.gather(
        mcp.elicit("What is your name?", _form(name={"type": "string"}), key="user_name"),
        mcp.sample("Generate a greeting", max_tokens=50, key="greeting"),
        mcp.list_roots(key="client_roots"),
    )
    return "%s, %s! You have %d folders." % (greeting, answer.content["name"], len(roots))


async def test_input_required_result_multi_round() -> str:
    name = await mcp.elicit("Step 1: What is your name?", _form(name={"type": "string"}), key="step1")
    color = await mcp.elicit("Step 2: What is your favorite color?", _form(color={"type": "string"}), key="step2")
    return "%s likes %s." % (name.content["name"], color.content["color"])


async def test_input_required_result_tampered_state() -> str:
    await mcp.elicit("Please confirm", _form(ok={"type": "boolean"}), key="confirm")
    return "state-ok"


async def test_input_required_result_capabilities() -> str:
    return await mcp.sample("Say something", max_tokens=10, key="sample")
