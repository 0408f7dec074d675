"""Uses a server with the official Python client and prints what it got as JSON.

Arguments: mode (`auto` or `legacy`), then the URL of the server, or `stdio` and its command line.
"""

import asyncio
import json
import os
import sys

from mcp import Client, StdioServerParameters, stdio_client


def target(arguments):
    if arguments[0] != "stdio":
        return arguments[0]
    command, *rest = arguments[1:]
    return stdio_client(StdioServerParameters(command=command, args=rest, env=dict(os.environ)))


async def main(mode, arguments):
    async with Client(target(arguments), mode=mode) as client:
        tools = await client.list_tools()
        resources = await client.list_resources()
        templates = await client.list_resource_templates()
        prompts = await client.list_prompts()
        added = await client.call_tool("add", {"a": 40})
        refused = await client.call_tool("add", {"a": "many"})
        rows = await client.call_tool("rows", {"n": 5000})
        note = await client.read_resource("notes://all")
        named = await client.read_resource("notes://seven%20of%209")
        greeting = await client.get_prompt("greet", {"who": "Zoë"})
        print(
            json.dumps(
                {
                    "server": client.server_info.name,
                    "protocol": client.protocol_version,
                    "tools": sorted(tool.name for tool in tools.tools),
                    "resources": [str(resource.uri) for resource in resources.resources],
                    "templates": [template.uri_template for template in templates.resource_templates],
                    "prompts": [prompt.name for prompt in prompts.prompts],
                    "added": added.structured_content,
                    "refused": refused.is_error,
                    "rows": len(rows.structured_content["result"]),
                    "note": json.loads(note.contents[0].text),
                    "named": json.loads(named.contents[0].text),
                    "greeting": greeting.messages[0].content.text,
                }
            )
        )


asyncio.run(main(sys.argv[1], sys.argv[2:]))
