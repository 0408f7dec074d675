"""Answers confirmations with the official Python client and prints what came of the calls as JSON.

Arguments: mode (`auto` or `legacy`), the URL of the server, the path of its admin socket, and the first order to remove.
"""

import asyncio
import json
import sys

import httpx
from mcp import Client
from mcp.types import ElicitResult


async def reload(socket):
    async with httpx.AsyncClient(transport=httpx.AsyncHTTPTransport(uds=socket), timeout=30) as admin:
        answer = await admin.post("http://localhost/reload?wait=30s")
        return answer.json()["status"]


async def main(mode, url, socket, first):
    asked, reloads, answers = [], [], {}
    plan = ["accept", "decline", "cancel", "reload"]

    async def on_question(context, params):
        asked.append(params.message)
        action = plan[len(asked) - 1]
        if action == "reload":
            reloads.append(await reload(socket))
            action = "accept"
        return ElicitResult(action=action, content={} if action == "accept" else None)

    async with Client(url, mode=mode, elicitation_callback=on_question) as client:
        for offset, name in enumerate(plan):
            result = await client.call_tool("remove", {"id": first + offset})
            answers[name] = [result.is_error, result.content[0].text]
        print(json.dumps({"protocol": client.protocol_version, "asked": asked, "reloads": reloads, **answers}))


asyncio.run(main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])))
