"""The client of fastmcp. Arguments: mode, URL."""

import asyncio
import sys

from attempts import try_everything
from fastmcp import Client


class Driver:
    def __init__(self, mode, url):
        self.logs, self.progress, self.changed = [], [], asyncio.Event()
        self.client = Client(
            url,
            mode=mode,
            log_handler=self.on_log,
            progress_handler=self.on_progress,
            message_handler=self.on_message,
            elicitation_handler=self.on_question,
        )

    async def on_log(self, message):
        self.logs.append(message)

    async def on_progress(self, progress, total, message):
        self.progress.append(progress)

    async def on_message(self, message):
        if "tools/list_changed" in str(getattr(message, "method", "")) or "ToolListChanged" in repr(message):
            self.changed.set()

    async def on_question(self, message, response_type, params, context):
        return {"username": "blue", "email": "blue@example.com"}

    async def tools(self):
        return [tool.name for tool in await self.client.list_tools()]

    async def resources(self):
        return [str(resource.uri) for resource in await self.client.list_resources()]

    async def templates(self):
        return [each.uri_template for each in await self.client.list_resource_templates()]

    async def prompts(self):
        return [prompt.name for prompt in await self.client.list_prompts()]

    async def call(self, name, arguments=None):
        result = await self.client.call_tool(name, arguments or {}, raise_on_error=False)
        return result.content[0].text, result.is_error

    async def read(self, uri):
        return (await self.client.read_resource(uri))[0].text

    async def prompt(self, name, arguments):
        return (await self.client.get_prompt(name, arguments)).messages[0].content.text

    async def change(self):
        await self.call("test_trigger_tool_change")
        await self.changed.wait()


async def main(mode, url):
    driver = Driver(mode, url)
    async with driver.client as client:
        await try_everything(driver, client.protocol_version)


asyncio.run(main(*sys.argv[1:]))
