"""Calls a tool that asks for confirmation with the official Python client, accepts, and prints how often it was asked and what it got as JSON.

Arguments: the URL of the server, the tool, its arguments as JSON.
"""

import asyncio
import json
import sys

from mcp import Client
from mcp_types import ElicitResult


async def main(url, tool, arguments):
    questions = []

    async def accept(context, params):
        questions.append(params.message)
        return ElicitResult(action="accept", content={})

    async with Client(url, mode="legacy", elicitation_callback=accept) as client:
        answer = await client.call_tool(tool, json.loads(arguments))
        print(json.dumps({"questions": questions, "answer": answer.structured_content}))


asyncio.run(main(*sys.argv[1:]))
