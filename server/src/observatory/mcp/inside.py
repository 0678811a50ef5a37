"""Asking our own application as the caller would: same routes, same token, so that every scope holds by itself."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

import httpx
from starlette.types import ASGIApp

from observatory.errors import InvalidRequest
from observatory.mcp import shape
from observatory.mcp.tools import Ask, Tool

ROOT = "/api/v1/monitoring"
_PATIENCE_S = 25.0
_AT_ONCE = 8
_LONGEST = 512
_SHOWN = 64


class Refused(Exception):
    """The API answered with a problem; the message says which, for whoever asked."""


@dataclass(frozen=True, slots=True)
class Question:
    """One request to our API: its path with the query."""

    place: str
    address: str


class Inside:
    """Asks an application in this process.

    Args:
        app: the application with the API's routes.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        self._turn = asyncio.Semaphore(_AT_ONCE)

    async def call(self, tool: Tool, arguments: Mapping[str, Any], authorization: str) -> dict[str, Any]:
        """The structured answer of a tool, asked with the caller's own `Authorization` header.

        Raises:
            InvalidRequest: an argument that the tool does not have or that is missing.
            Refused: the API answered with a problem, or not within 25 s.
        """
        questions = plan(tool, arguments)
        try:
            async with asyncio.timeout(_PATIENCE_S), self._turn:
                answers = [(each.place, await self._ask(each.address, authorization)) for each in questions]
        except TimeoutError:
            raise Refused(f"no answer within {_PATIENCE_S:g} s: ask for a shorter window") from None
        told: dict[str, Any] = await asyncio.to_thread(shape.shape, tool, answers, [each.address for each in questions])
        return told

    async def _ask(self, address: str, authorization: str) -> Any:
        headers = {"Authorization": authorization, "Accept": "application/json"}
        async with httpx.AsyncClient(
            transport=self._transport, base_url="http://observatory", headers=headers
        ) as client:
            answer = await client.get(address)
        if answer.status_code != 200:
            raise Refused(_problem(answer))
        return answer.json()


def plan(tool: Tool, arguments: Mapping[str, Any]) -> list[Question]:
    """What is asked for these arguments.

    Raises:
        InvalidRequest: an argument that the tool does not have, that is missing, or that is no short plain value.
    """
    given = {name: _plain(name, each) for name, each in arguments.items() if each not in (None, "", False)}
    unknown = sorted(given.keys() - tool.arguments.keys())
    if unknown:
        known = ", ".join(tool.arguments)
        raise InvalidRequest(f"unknown argument {unknown[0][:_SHOWN]!r}: {tool.name} takes {known}")
    missing = [name for name in tool.required if name not in given]
    if missing:
        raise InvalidRequest(f"{tool.name} needs the argument {missing[0]}")
    return [_question(each, given) for each in tool.asks if each.wanted(given)]


def _question(ask: Ask, given: Mapping[str, str]) -> Question:
    path = ask.path
    for name, each in given.items():
        path = path.replace(f"{{{name}}}", quote(each, safe=""))
    query = {**ask.fixed, **{name: each for name, each in given.items() if ask.takes(name)}}
    return Question(ask.at, f"{ROOT}{path}{'?' if query else ''}{urlencode(query)}")


def _plain(name: str, value: Any) -> str:
    if not isinstance(value, str | int | float) or len(str(value)) > _LONGEST or value in (".", ".."):
        raise InvalidRequest(f"argument {name[:_SHOWN]!r}: a text of at most {_LONGEST} characters, a number or true")
    return str(value).lower() if isinstance(value, bool) else str(value)


def _problem(answer: httpx.Response) -> str:
    try:
        told = answer.json()
        parts = [f"{answer.status_code} {told['title']}: {told['detail']}"]
        parts += [f"{each['pointer'] or each['in']}: {each['detail']}" for each in told.get("errors", [])]
    except (ValueError, KeyError, TypeError):
        return f"{answer.status_code} from the server"
    return "; ".join(parts)[:1_000]
