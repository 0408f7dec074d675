"""Calls a tool in a session of 2025, again when a line arrives, and then in a new session; prints what it got, line by line.

Arguments: the URL of the server.
"""

import asyncio
import sys

from mcp import Client, MCPError


async def price(client):
    result = await client.call_tool("price", {"id": 1})
    return result.content[0].text


async def main(url):
    async with Client(url, mode="legacy") as client:
        print(await price(client), flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        try:
            print(await price(client), flush=True)
        except MCPError as error:
            print(error.error.code, error.error.message, flush=True)
    async with Client(url, mode="legacy") as client:
        print(await price(client), flush=True)


asyncio.run(main(sys.argv[1]))
