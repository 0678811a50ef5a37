"""`/mcp`: the official SDK's server over stateless streamable HTTP, in every revision of the protocol it speaks."""

from __future__ import annotations

import asyncio
from importlib.metadata import version
from typing import Any

import mcp_types as types
from fastapi import FastAPI
from mcp.server.caching import CacheHint
from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.server.lowlevel.server import Server
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.shared.exceptions import MCPError
from mcp_types.methods import SPEC_CLIENT_METHODS
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from observatory.clock import Clock
from observatory.errors import InvalidRequest
from observatory.mcp import shape
from observatory.mcp.guard import Guard
from observatory.mcp.inside import Inside, Refused
from observatory.mcp.tools import Tool, load
from observatory.selfwatch import Selfwatch

PATH = "/mcp"
MOST_BODY_BYTES = 64 << 10
# Tools change with the server's version only, and are the same for everybody.
_FRESH = CacheHint(ttl_ms=3_600_000, scope="public")

Context = ServerRequestContext[Any, Any]


class Face:
    """The tools, ready to be asked.

    Args:
        app: the application whose routes the tools ask.
        guard: who may.
        selfwatch: where durations are counted.
        clock: for durations.
    """

    def __init__(self, app: ASGIApp, guard: Guard, selfwatch: Selfwatch, clock: Clock) -> None:
        self._box = load()
        self._inside = Inside(app)
        self._guard = guard
        self._selfwatch = selfwatch
        self._clock = clock
        self._listed = types.ListToolsResult(tools=[_listed(each) for each in self._box.tools.values()])
        server: Server[Any] = Server(
            "observatory",
            version=version("observatory"),
            title="Observatory",
            instructions=self._box.instructions,
            cache_hints={"tools/list": _FRESH, "server/discover": _FRESH},
            on_list_tools=self._list,
            on_call_tool=self._call,
        )
        server.middleware.append(self._watch)
        self._manager = StreamableHTTPSessionManager(
            server, json_response=True, stateless=True, max_request_body_size=MOST_BODY_BYTES
        )
        self._ready = asyncio.Event()

    @classmethod
    def on(cls, web: FastAPI, host: str, public_url: str) -> Face:
        """Put a face on an application that has its state. It answers once `run` does."""
        tokens, clock = web.state.tokens, web.state.clock
        face = cls(web, Guard(tokens, clock, host, public_url), web.state.selfwatch, clock)
        web.router.routes.append(Route(PATH, face, name="mcp", include_in_schema=False))
        return face

    async def run(self) -> None:
        """Serve until cancelled."""
        async with self._manager.run():
            self._ready.set()
            await asyncio.Event().wait()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["method"] != "POST":
            raise HTTPException(405, "messages are sent with POST; nothing is pushed", {"Allow": "POST"})
        self._guard.admit(Headers(scope=scope))
        await self._ready.wait()
        await self._manager.handle_request(scope, receive, send)

    async def _list(self, _: Context, __: types.PaginatedRequestParams | None) -> types.ListToolsResult:
        return self._listed

    async def _call(self, context: Context, params: types.CallToolRequestParams) -> types.CallToolResult:
        tool = self._box.tools.get(params.name)
        if tool is None:
            raise MCPError(types.INVALID_PARAMS, f"there is no tool {params.name[:64]!r}")
        assert context.request is not None, "this server speaks HTTP only"
        try:
            told = await self._inside.call(tool, params.arguments or {}, context.request.headers["authorization"])
        except (InvalidRequest, Refused) as error:
            return types.CallToolResult(content=[types.TextContent(text=str(error))], is_error=True)
        return types.CallToolResult(content=[types.TextContent(text=shape.encode(told))], structured_content=told)

    async def _watch(self, ctx: Context, call_next: CallNext) -> HandlerResult:
        """Measure an operation under the names that OpenTelemetry gives it."""
        began, wrong = self._clock.monotonic(), "cancelled"
        try:
            result = await call_next(ctx)
            wrong = "tool_error" if isinstance(result, dict) and result.get("isError") is True else ""
            return result
        except MCPError as error:
            wrong = str(error.error.code)
            raise
        except Exception as error:
            wrong = type(error).__name__
            raise
        finally:
            known = ctx.method if ctx.method in SPEC_CLIENT_METHODS else "other"
            self._selfwatch.mcp_s.labels(known, self._tool_of(ctx), wrong).observe(self._clock.monotonic() - began)

    def _tool_of(self, context: Context) -> str:
        if context.method != "tools/call":
            return ""
        name = (context.params or {}).get("name")
        return name if isinstance(name, str) and name in self._box.tools else "other"


def _listed(tool: Tool) -> types.Tool:
    return types.Tool(
        name=tool.name,
        title=tool.title,
        description=tool.description,
        input_schema=tool.input_schema,
        output_schema=tool.output_schema,
        annotations=types.ToolAnnotations(read_only_hint=True, open_world_hint=False),
    )
