"""Calls of models made by aiohttp.

The body is heard where the connection feeds it in: whichever way the host program reads it, in whatever pieces, it
reads as before, and holds the sender back as before.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Mapping
from functools import partial, wraps
from typing import Any

import aiohttp
from aiohttp import ClientResponse, ClientSession, StreamReader
from yarl import URL

from observatory_sdk.genai import operation
from observatory_sdk.guard import Guard
from observatory_sdk.recognise import hooks, hosts
from observatory_sdk.recognise.watch import Watch, begin

_GUARD = Guard("recognise")
# A reader has no place for a word of ours. Ids are those of readers that are alive; the newest owner is the right one.
_HEARD: dict[int, Watch] = {}


def switch_on() -> Callable[[], None] | None:
    """Recognise calls from now on; what comes back ends that. None when it was on already."""
    extra = hosts.more()

    def make(request: Any) -> Any:
        @wraps(request)
        async def recognised(session: ClientSession, method: str, url: Any, *args: Any, **options: Any) -> Any:
            watch = None
            with _GUARD:
                watch = _begin(extra, session, method, url, options)
            if watch is None:
                return await request(session, method, url, *args, **options)
            try:
                with watch.inside():
                    response = await request(session, method, url, *args, **options)
            except BaseException as error:
                watch.over(error)
                raise
            watch.attend(lambda: _listen(watch, response, _packed(session, options)))
            return response

        return recognised

    return hooks.replace(ClientSession, "_request", make)


def _begin(
    extra: Mapping[str, str], session: ClientSession, method: object, url: object, options: Mapping[str, Any]
) -> Watch | None:
    if not isinstance(method, str) or method.upper() != "POST":
        return None
    text = str(url)
    base = getattr(session, "_base_url", None)
    if base is not None and "://" not in text:
        text = str(base.join(URL(text)))
    place = hosts.find(text, extra)
    if place is None or operation(place.path) is None:
        return None
    body = options.get("json")
    if body is None:
        body = options.get("data")
    given = options.get("headers") or {}
    agents = [found for head in (given, session.headers) if (found := _agent(head))]
    return begin(place, body if isinstance(body, Mapping | bytes | str) else None, agents)


def _agent(headers: object) -> str:
    if not isinstance(headers, Mapping):
        return ""
    return next((str(value) for name, value in headers.items() if str(name).lower() == "user-agent"), "")


def _packed(session: ClientSession, options: Mapping[str, Any]) -> bool:
    given = options.get("auto_decompress")
    return not (session.auto_decompress if given is None else given)


def _listen(watch: Watch, response: ClientResponse, packed: bool) -> None:
    reader = response.content
    watch.answered(response.status, response.headers.get("Content-Encoding") if packed else None)
    if type(reader) is not StreamReader:
        # An empty body has a reader that all such responses share.
        watch.over()
        return
    for chunk in _waiting(response, reader):
        watch.fed(chunk)
    if reader.is_eof() or reader.exception() is not None:
        watch.over(reader.exception())
        return
    watch.lives_with(response)
    _HEARD[id(reader)] = watch
    watch.then(partial(_forget, id(reader), watch))
    reader.__class__ = _Heard


def _waiting(response: ClientResponse, reader: StreamReader) -> list[bytes]:
    """What came together with the head, and was not read yet; or was read by a middleware of the host's."""
    body = getattr(response, "_body", None)
    if isinstance(body, bytes):
        return [body]
    waiting = list(getattr(reader, "_buffer", ()))
    if waiting:
        waiting[0] = waiting[0][getattr(reader, "_buffer_offset", 0) :]
    return waiting


def _forget(key: int, watch: Watch) -> None:
    if _HEARD.get(key) is watch:
        del _HEARD[key]


def _over(reader: StreamReader, error: BaseException | None) -> None:
    with _GUARD:
        watch = _HEARD.pop(id(reader), None)
        reader.__class__ = StreamReader
        if watch is not None:
            watch.over(error)


class _Heard(StreamReader):
    """A reader that tells what it is fed. It holds nothing of its own, so that a reader can become one and go back."""

    __slots__ = ()

    def feed_data(self, data: bytes, *args: Any, **options: Any) -> bool:
        found = super().feed_data(data, *args, **options)
        watch = _HEARD.get(id(self))
        if watch is not None:
            watch.fed(data)
        return found

    def feed_eof(self) -> None:
        super().feed_eof()
        _over(self, None)

    def set_exception(self, exc: Any, *args: Any, **options: Any) -> None:
        super().set_exception(exc, *args, **options)
        _over(self, _cause(exc))


def _cause(error: object) -> BaseException | None:
    """What ended the body. A response that is closed says no more than that; why it was, its caller's error tells."""
    if not isinstance(error, aiohttp.ClientConnectionError) or type(error) is not aiohttp.ClientConnectionError:
        return error if isinstance(error, BaseException) else None
    raised = sys.exc_info()[1]
    return raised if isinstance(raised, TimeoutError | aiohttp.ClientError | asyncio.CancelledError) else None
