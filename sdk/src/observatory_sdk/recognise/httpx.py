"""Calls of models made by HTTPX, and by its successor HTTPX2, which the providers' own SDKs use."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from functools import wraps
from types import ModuleType
from typing import Any

from observatory_sdk.genai import operation
from observatory_sdk.guard import Guard
from observatory_sdk.recognise import hooks, hosts
from observatory_sdk.recognise.watch import Watch, begin

_GUARD = Guard("recognise")


def switch_on() -> Callable[[], None] | None:
    """Recognise calls made by `httpx` from now on; what comes back ends that. None when it was on already."""
    import httpx

    return _switch_on(httpx)


def switch_on_2() -> Callable[[], None] | None:
    """Recognise calls made by `httpx2`, as `switch_on` does for its forerunner."""
    import httpx2

    return _switch_on(httpx2)


def _switch_on(module: ModuleType) -> Callable[[], None] | None:
    extra, streams = hosts.more(), _streams(module)
    return hooks.together(
        hooks.replace(module.Client, "send", lambda send: _sync(send, extra, streams)),
        hooks.replace(module.AsyncClient, "send", lambda send: _async(send, extra, streams)),
    )


def _sync(send: Any, extra: Mapping[str, str], streams: tuple[type, type]) -> Any:
    @wraps(send)
    def recognised(client: Any, request: Any, *args: Any, **options: Any) -> Any:
        watch = None
        with _GUARD:
            watch = _begin(extra, request)
        if watch is None:
            return send(client, request, *args, **options)
        try:
            with watch.inside():
                response = send(client, request, *args, **options)
        except BaseException as error:
            watch.over(error)
            raise
        watch.attend(lambda: _listen(watch, response, streams[0]))
        return response

    return recognised


def _async(send: Any, extra: Mapping[str, str], streams: tuple[type, type]) -> Any:
    @wraps(send)
    async def recognised(client: Any, request: Any, *args: Any, **options: Any) -> Any:
        watch = None
        with _GUARD:
            watch = _begin(extra, request)
        if watch is None:
            return await send(client, request, *args, **options)
        try:
            with watch.inside():
                response = await send(client, request, *args, **options)
        except BaseException as error:
            watch.over(error)
            raise
        watch.attend(lambda: _listen(watch, response, streams[1]))
        return response

    return recognised


def _begin(extra: Mapping[str, str], request: Any) -> Watch | None:
    if request.method != "POST":
        return None
    place = hosts.find(str(request.url), extra)
    if place is None or operation(place.path) is None:
        return None
    return begin(place, _body(request), [request.headers.get("user-agent", "")])


def _body(request: Any) -> bytes | None:
    try:
        found = request.content
    except RuntimeError:
        # It is read while it is sent, and is left alone.
        return None
    return found if isinstance(found, bytes) else None


def _listen(watch: Watch, response: Any, stream: type) -> None:
    if response.is_closed:
        watch.answered(response.status_code)
        watch.fed(response.content)
        watch.over()
        return
    watch.answered(response.status_code, response.headers.get("content-encoding"))
    watch.lives_with(response)
    response.stream = stream(response.stream, watch)


def _streams(module: ModuleType) -> tuple[type, type]:
    """Bodies that tell what passes through them, of the types that the client looks for."""

    class Sync(module.SyncByteStream):  # type: ignore[name-defined,misc]
        def __init__(self, inner: Any, watch: Watch) -> None:
            self._inner = inner
            self._watch = watch

        def __iter__(self) -> Iterator[bytes]:
            try:
                for chunk in self._inner:
                    self._watch.fed(chunk)
                    yield chunk
            except GeneratorExit:
                raise
            except BaseException as error:
                self._watch.over(error)
                raise
            self._watch.over()

        def close(self) -> None:
            try:
                self._inner.close()
            finally:
                self._watch.over()

    class Async(module.AsyncByteStream):  # type: ignore[name-defined,misc]
        def __init__(self, inner: Any, watch: Watch) -> None:
            self._inner = inner
            self._watch = watch

        async def __aiter__(self) -> AsyncIterator[bytes]:
            try:
                async for chunk in self._inner:
                    self._watch.fed(chunk)
                    yield chunk
            except GeneratorExit:
                raise
            except BaseException as error:
                self._watch.over(error)
                raise
            self._watch.over()

        async def aclose(self) -> None:
            try:
                await self._inner.aclose()
            finally:
                self._watch.over()

    return Sync, Async
