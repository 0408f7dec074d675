"""The official Python client of version 2. Arguments: mode, URL."""

import asyncio
import sys

from attempts import try_everything
from mcp import Client
from mcp_types import ElicitResult


class Driver:
    def __init__(self, mode, url):
        self.mode, self.logs, self.progress, self.changed = mode, [], [], asyncio.Event()
        self.client = Client(
            url,
            mode=mode,
            log_level="info",
            logging_callback=self.on_log,
            message_handler=self.on_message,
            elicitation_callback=self.on_question,
        )

    async def on_log(self, message):
        self.logs.append(message)

    async def on_progress(self, progress, total, message):
        self.progress.append(progress)

    async def on_message(self, message):
        if "tools/list_changed" in str(getattr(message, "method", "")):
            self.changed.set()

    async def on_question(self, context, params):
        return ElicitResult(action="accept", content={"username": "blue", "email": "blue@example.com"})

    async def tools(self):
        return [tool.name for tool in (await self.client.list_tools(cache_mode="refresh")).tools]

    async def resources(self):
        return [str(resource.uri) for resource in (await self.client.list_resources()).resources]

    async def templates(self):
        return [each.uri_template for each in (await self.client.list_resource_templates()).resource_templates]

    async def prompts(self):
        return [prompt.name for prompt in (await self.client.list_prompts()).prompts]

    async def call(self, name, arguments=None):
        result = await self.client.call_tool(name, arguments or {}, progress_callback=self.on_progress)
        return result.content[0].text, result.is_error

    async def read(self, uri):
        return (await self.client.read_resource(uri)).contents[0].text

    async def prompt(self, name, arguments):
        return (await self.client.get_prompt(name, arguments)).messages[0].content.text

    async def change(self):
        if self.mode == "legacy":
            await self.call("test_trigger_tool_change")
            await self.changed.wait()
            return
        async with self.client.listen(tools_list_changed=True) as notices:
            await self.call("test_trigger_tool_change")
            await anext(aiter(notices))


async def main(mode, url):
    driver = Driver(mode, url)
    async with driver.client as client:
        await try_everything(driver, client.protocol_version)


asyncio.run(main(*sys.argv[1:]))
