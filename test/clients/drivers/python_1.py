"""The official Python client of version 1. Argument: URL."""

import asyncio
import sys

from attempts import try_everything
from mcp import ClientSession
from mcp.client.streamable_http import streamable_http_client
from mcp.types import ElicitResult
from pydantic import AnyUrl


class Driver:
    session = None

    def __init__(self):
        self.logs, self.progress, self.changed = [], [], asyncio.Event()

    async def on_log(self, message):
        self.logs.append(message)

    async def on_progress(self, progress, total, message):
        self.progress.append(progress)

    async def on_message(self, message):
        if "ToolListChangedNotification" in repr(message):
            self.changed.set()

    async def on_question(self, context, params):
        return ElicitResult(action="accept", content={"username": "blue", "email": "blue@example.com"})

    async def tools(self):
        return [tool.name for tool in (await self.session.list_tools()).tools]

    async def resources(self):
        return [str(resource.uri) for resource in (await self.session.list_resources()).resources]

    async def templates(self):
        return [each.uriTemplate for each in (await self.session.list_resource_templates()).resourceTemplates]

    async def prompts(self):
        return [prompt.name for prompt in (await self.session.list_prompts()).prompts]

    async def call(self, name, arguments=None):
        result = await self.session.call_tool(name, arguments or {}, progress_callback=self.on_progress)
        return result.content[0].text, result.isError

    async def read(self, uri):
        return (await self.session.read_resource(AnyUrl(uri))).contents[0].text

    async def prompt(self, name, arguments):
        return (await self.session.get_prompt(name, arguments)).messages[0].content.text

    async def change(self):
        await self.call("test_trigger_tool_change")
        await self.changed.wait()


async def main(url):
    driver = Driver()
    async with streamable_http_client(url) as (read, write, _):
        callbacks = {
            "logging_callback": driver.on_log,
            "message_handler": driver.on_message,
            "elicitation_callback": driver.on_question,
        }
        async with ClientSession(read, write, **callbacks) as session:
            driver.session = session
            initialized = await session.initialize()
            await try_everything(driver, initialized.protocolVersion)


asyncio.run(main(*sys.argv[1:]))
