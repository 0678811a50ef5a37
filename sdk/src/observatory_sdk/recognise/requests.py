"""Calls of models made by requests."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import wraps
from typing import Any

from requests import Session

from observatory_sdk.genai import operation
from observatory_sdk.guard import Guard
from observatory_sdk.recognise import hooks, hosts
from observatory_sdk.recognise.watch import Watch, begin

_GUARD = Guard("recognise")
_HEARD: dict[type, type] = {}


def switch_on() -> Callable[[], None] | None:
    """Recognise calls from now on; what comes back ends that. None when it was on already."""
    extra = hosts.more()

    def make(send: Any) -> Any:
        @wraps(send)
        def recognised(session: Session, request: Any, *args: Any, **options: Any) -> Any:
            watch = None
            with _GUARD:
                watch = _begin(extra, request)
            if watch is None:
                return send(session, request, *args, **options)
            try:
                with watch.inside():
                    response = send(session, request, *args, **options)
            except BaseException as error:
                watch.over(error)
                raise
            watch.attend(lambda: _listen(watch, response))
            return response

        return recognised

    return hooks.replace(Session, "send", make)


def _begin(extra: Mapping[str, str], request: Any) -> Watch | None:
    if getattr(request, "method", None) != "POST":
        return None
    place = hosts.find(str(request.url), extra)
    if place is None or operation(place.path) is None:
        return None
    body = request.body
    agent = request.headers.get("User-Agent", "")
    return begin(place, body if isinstance(body, bytes | str) else None, [str(agent)])


def _listen(watch: Watch, response: Any) -> None:
    # A body comes unpacked from both ways.
    watch.answered(response.status_code)
    body = getattr(response, "_content", None)
    if isinstance(body, bytes):
        watch.fed(body)
    raw = response.raw
    if body is not False or not hasattr(raw, "stream"):
        watch.over()
        return
    raw._observatory_watch = watch
    raw.__class__ = _heard(type(raw))
    watch.lives_with(raw)


def _heard(raw: type) -> type:
    if raw not in _HEARD:
        _HEARD[raw] = _made(raw)
    return _HEARD[raw]


def _made(raw: Any) -> type:
    """A body of this type that tells what passes through it. It holds nothing of its own, so that one can become it."""

    class Heard(raw):  # type: ignore[misc]
        __slots__ = ()

        def stream(self, *args: Any, **options: Any) -> Iterator[bytes]:
            watch: Watch = self._observatory_watch
            chunks = super().stream(*args, **options)
            while True:
                # A read that fails closes the body before it says why.
                watch.reads = True
                try:
                    chunk = next(chunks, None)
                except BaseException as error:
                    watch.over(error)
                    raise
                finally:
                    watch.reads = False
                if chunk is None:
                    break
                watch.fed(chunk)
                yield chunk
            watch.over()

        def close(self) -> None:
            try:
                super().close()
            finally:
                # The garbage collector closes what is left open; it may not end a span itself.
                watch: Watch = self._observatory_watch
                if not watch.reads and not getattr(self, "_finalizing", False):
                    watch.over()

    Heard.__name__, Heard.__qualname__, Heard.__module__ = raw.__name__, raw.__qualname__, raw.__module__
    return Heard
