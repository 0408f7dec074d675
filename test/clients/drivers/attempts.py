"""What each Python client tries with the project of the conformance tests. A client is an object with the methods that are used here."""

import asyncio
import json

LARGE = 1_000_000


async def try_everything(client, protocol):
    report, errors = {"protocol": protocol}, {}

    async def attempt(what, check):
        try:
            report[what] = bool(await asyncio.wait_for(check(), 15))
        except (Exception, asyncio.TimeoutError) as error:
            report[what] = False
            errors[what] = repr(error)

    async def lists():
        found = [await client.tools(), await client.resources(), await client.templates(), await client.prompts()]
        wanted = ["test_simple_text", "test://static-text", "test://template/{id}/data", "test_simple_prompt"]
        return all(name in names for name, names in zip(wanted, found))

    async def calls():
        text, is_error = await client.call("test_simple_text")
        return text.startswith("This is a simple text") and not is_error

    async def failures():
        text, is_error = await client.call("test_error_handling")
        return is_error and "intentionally" in text

    async def large():
        text, is_error = await client.call("large")
        return text == "x" * LARGE and not is_error

    async def reads():
        return "static text resource" in await client.read("test://static-text")

    async def gets():
        return "arg1='a'" in await client.prompt("test_prompt_with_arguments", {"arg1": "a", "arg2": "b"})

    async def progress():
        await client.call("test_tool_with_progress")
        return await until(lambda: list(client.progress)[-3:] == [0, 50, 100])

    async def logs():
        await client.call("test_tool_with_logging")
        return await until(lambda: len(client.logs) >= 3)

    async def asks():
        text, _ = await client.call("test_elicitation", {"message": "Which color?"})
        return "accept" in text and "blue" in text

    async def changes():
        await client.change()
        return True

    async def reloads():
        before = await client.tools()
        await client.call("test_trigger_tool_change")
        while set(await client.tools()) == set(before):
            await asyncio.sleep(0.05)
        return await calls()

    for check in (lists, calls, failures, large, reads, gets, progress, logs, asks, changes, reloads):
        await attempt(check.__name__, check)
    print(json.dumps({**report, "errors": errors}))


async def until(condition):
    while not condition():
        await asyncio.sleep(0.01)
    return True
