"""Signs in and calls a tool with the official Python client, and prints the result as JSON.

Argument: the URL of the server. The provider behind it lets everybody in at once.
"""

import asyncio
import json
import re
import sys
from html import unescape
from urllib.parse import parse_qs, urljoin, urlsplit

import httpx2
from mcp import Client
from mcp.client.auth import OAuthClientProvider
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import AuthorizationCodeResult, OAuthClientMetadata

REDIRECT = "http://127.0.0.1:4711/callback"


class Memory:
    tokens = None
    client = None

    async def get_tokens(self):
        return self.tokens

    async def set_tokens(self, tokens):
        self.tokens = tokens

    async def get_client_info(self):
        return self.client

    async def set_client_info(self, client_info):
        self.client = client_info


class Person:
    """Allows what the page asks for."""

    answer = {}

    async def open(self, url):
        async with httpx2.AsyncClient() as browser:
            page = await browser.get(url)
            fields = dict(re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)"', page.text))
            action = unescape(re.search(r'action="([^"]*)"', page.text)[1])
            reply = await browser.post(action, data={**fields, "decision": "allow"})
            while not (location := urljoin(str(reply.url), reply.headers["location"])).startswith(REDIRECT):
                reply = await browser.get(location)
        self.answer = {name: values[0] for name, values in parse_qs(urlsplit(location).query).items()}

    async def wait(self):
        return AuthorizationCodeResult(**{name: self.answer.get(name) for name in ("code", "state", "iss")})


async def main(url):
    person, memory = Person(), Memory()
    metadata = OAuthClientMetadata(
        client_name="Official Python client", redirect_uris=[REDIRECT], token_endpoint_auth_method="none"
    )
    auth = OAuthClientProvider(url, metadata, memory, person.open, person.wait)
    async with httpx2.AsyncClient(auth=auth) as http:
        async with Client(streamable_http_client(url, http_client=http)) as client:
            who = await client.call_tool("whoami", {})
    print(json.dumps({"who": who.structured_content, "token": memory.tokens.access_token[:4]}))


asyncio.run(main(sys.argv[1]))
