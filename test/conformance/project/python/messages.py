"""Tools that send messages before their answer."""

from pathlib import Path

from mxcp.runtime import mcp, reload_duckdb


async def test_tool_with_logging() -> str:
    for message in ("Tool execution started", "Tool processing data", "Tool execution completed"):
        await mcp.info(message)
    return "Tool with logging executed successfully"


async def test_tool_with_progress() -> str:
    for step in (0, 50, 100):
        await mcp.progress(step, 100, "Completed step %d of 100" % step)
    return "Done"


async def test_logging_tool() -> str:
    await mcp.info("Only clients that ask for log messages get this one")
    return "Logged"


def test_trigger_tool_change() -> str:
    return _change("tools/switched.yml", "tool:", "source: { code: SELECT 1 }")


def test_trigger_prompt_change() -> str:
    return _change("prompts/switched.yml", "prompt:", "messages: [{ prompt: Hello }]")


def _change(file: str, *lines: str) -> str:
    """Adds an endpoint, or removes it if it is there, and has the definitions read again."""
    path = Path(file)
    if path.exists():
        path.unlink()
    else:
        kind = lines[0]
        path.write_text("\n  ".join(["mxcp: 1\n" + kind, "name: switched", "description: Comes and goes.", *lines[1:]]) + "\n")
    reload_duckdb(description="%s has changed" % file)
    return "Changed"
