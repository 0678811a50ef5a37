"""`check_budget`: whether money may be spent, asked before. Bounded, cached, and open when nobody answers."""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import time
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation
from threading import Lock, Thread
from typing import Any
from urllib.parse import urlencode, urlsplit

from observatory_sdk import arguments, frame, people
from observatory_sdk.attach import settings
from observatory_sdk.conventions import common
from observatory_sdk.errors import ConfigurationError
from observatory_sdk.guard import LOSSES

TIMEOUT_S = 0.25
KEPT_S = 5.0
# After a failure nobody is asked for so long: a server that hangs costs the host one timeout in that time.
REST_S = 5.0
MOST_KEPT = 1_000
MOST_ASKING = 4
_MOST_BYTES = 262_144
# A thread that asks gives up after so long; by then its caller has long gone on.
_LONGEST_S = 5.0
_MOST_LETTERS = 200
_PATH = "/api/v1/monitoring/costs/budgets/check"
API_URL = "OBSERVATORY_API_URL"


@dataclass(frozen=True, slots=True)
class BudgetAnswer:
    """Whether money may be spent.

    Attributes:
        allowed: False only when a budget that covers it is exhausted.
        verdict: `allowed`, `denied` or `unknown`.
        failed_open: it is allowed because nobody could say: no answer in time, an error, or an unknown standing.
        state: of the budget that decides: `within`, `warned`, `exhausted`, `no budget set` or `unknown`.
        reasons: in words.
        budget: its name.
        amount_usd: its amount.
        spent_usd: what is spent of it.
        resets_at: when its next period begins, RFC 3339.
        age_s: how old the standing was when it was told, in seconds; None when nothing was told.
    """

    allowed: bool
    verdict: str
    failed_open: bool
    state: str = "unknown"
    reasons: tuple[str, ...] = ()
    budget: str | None = None
    amount_usd: Decimal | None = None
    spent_usd: Decimal | None = None
    resets_at: str | None = None
    age_s: float | None = None


def check_budget(
    *,
    provider: str | None = None,
    model: str | None = None,
    category: str | None = None,
    user_id: str | None = None,
    cohort: str | None = None,
    feature: str | None = None,
    timeout_s: float = TIMEOUT_S,
) -> BudgetAnswer:
    """Ask before spending. Name all that is known of what the money will be spent on.

    User, cohort and feature are those at work unless they are given. Answers are kept for 5 s. It waits at most
    `timeout_s` (0.25 s), never raises, and without an answer allows it with `failed_open`.

    The server is `OBSERVATORY_API_URL`, else `OBSERVATORY_ENDPOINT`, with `OBSERVATORY_TOKEN` or
    `OBSERVATORY_TOKEN_FILE` (the scope `ingest` is enough) and `OBSERVATORY_ENVIRONMENT`. With none of the two
    addresses set nothing is asked.
    """
    try:
        named = _named(provider, model, category, user_id, cohort, feature)
        found = _DESK.ask(named)
        if isinstance(found, BudgetAnswer):
            return found
        return found.result(_bounded(timeout_s))
    except TimeoutError:
        return _DESK.missed("no answer in time")
    except Exception as error:
        return _DESK.missed(f"it could not be asked: {type(error).__name__}")


async def check_budget_async(
    *,
    provider: str | None = None,
    model: str | None = None,
    category: str | None = None,
    user_id: str | None = None,
    cohort: str | None = None,
    feature: str | None = None,
    timeout_s: float = TIMEOUT_S,
) -> BudgetAnswer:
    """The same without holding up the event loop."""
    try:
        named = _named(provider, model, category, user_id, cohort, feature)
        found = _DESK.ask(named)
        if isinstance(found, BudgetAnswer):
            return found
        # Shielded: one caller's cancellation must not take the answer from the others.
        return await asyncio.wait_for(asyncio.shield(asyncio.wrap_future(found)), _bounded(timeout_s))
    except TimeoutError:
        return _DESK.missed("no answer in time")
    except Exception as error:
        return _DESK.missed(f"it could not be asked: {type(error).__name__}")


Named = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class _Server:
    url: str
    token: str | None
    environment: str


class _Desk:
    """Asks the server in threads of its own, and keeps what it says."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._server: _Server | None = None
        self._read = False
        self.forget()

    def forget(self) -> None:
        """Start anew, as after a fork, which leaves the threads behind."""
        self._lock = Lock()
        self._kept: dict[Named, tuple[float, BudgetAnswer]] = {}
        self._asking: dict[Named, Future[BudgetAnswer]] = {}
        self._rests_until = 0.0
        self._read = False

    def ask(self, named: Named) -> BudgetAnswer | Future[BudgetAnswer]:
        """What is kept, or what is on its way."""
        now = time.monotonic()
        with self._lock:
            kept = self._kept.get(named)
            if kept is not None and now - kept[0] < KEPT_S:
                return kept[1]
            if named in self._asking:
                return self._asking[named]
            server = self._known()
            if server is None:
                return _open("no server is set")
            if now < self._rests_until or len(self._asking) >= MOST_ASKING:
                return self._denied_before(named) or _open("the server did not answer lately")
            found = self._asking[named] = Future()
        try:
            Thread(target=self._post, args=(server, named, found), daemon=True, name="observatory-budget").start()
        except RuntimeError:
            # The host has no thread left to give, or is ending.
            self._settled(named)
            raise
        return found

    def missed(self, why: str) -> BudgetAnswer:
        """Open, and the next callers do not wait."""
        with self._lock:
            self._rests_until = time.monotonic() + REST_S
        LOSSES.count("budget checks without an answer", why)
        return _open(why)

    def _denied_before(self, named: Named) -> BudgetAnswer | None:
        # Not made weaker by a server that went away: what was exhausted stays so until its period ends; but for a
        # minute only, since a budget may have been raised.
        kept = self._kept.get(named)
        if kept is None or kept[1].allowed or time.monotonic() - kept[0] > 60:
            return None
        return replace(kept[1], reasons=(*kept[1].reasons, "as last told"))

    def _post(self, server: _Server, named: Named, found: Future[BudgetAnswer]) -> None:
        try:
            answer = _told(_asked(server, named))
        except Exception as error:
            self._settled(named)
            found.set_result(self.missed(type(error).__name__))
            return
        with self._lock:
            self._asking.pop(named, None)
            if len(self._kept) >= MOST_KEPT:
                self._kept.clear()
            self._kept[named] = (time.monotonic(), answer)
            self._rests_until = 0.0
        found.set_result(answer)

    def _settled(self, named: Named) -> None:
        with self._lock:
            self._asking.pop(named, None)

    def _known(self) -> _Server | None:
        if not self._read:
            self._read, self._server = True, _server(os.environ)
        return self._server


def _server(environment: Mapping[str, str]) -> _Server | None:
    url = environment.get(API_URL) or environment.get(settings.ENDPOINT.name)
    if not url:
        return None
    try:
        arguments.check_endpoint(url)
        token = settings.token(environment)
    except ConfigurationError as error:
        LOSSES.count("budget checks not set up", error)
        return None
    return _Server(url.rstrip("/"), token, environment.get(settings.ENVIRONMENT.name) or "production")


def _named(
    provider: str | None,
    model: str | None,
    category: str | None,
    user_id: str | None,
    cohort: str | None,
    feature: str | None,
) -> Named:
    carried = frame.current().carried
    given = {
        "provider": provider,
        "model": model,
        "category": category,
        "user": carried.get(common.USER_ID.name) if user_id is None else people.opaque(user_id),
        "cohort": carried.get(common.USER_COHORT.name) if cohort is None else cohort,
        "feature": carried.get(common.FEATURE.name) if feature is None else feature,
    }
    return tuple((name, str(value)[:_MOST_LETTERS]) for name, value in given.items() if value)


def _bounded(timeout_s: float) -> float:
    return min(max(float(timeout_s), 0.001), 5.0)


def _asked(server: _Server, named: Named) -> Mapping[str, Any]:
    parts = urlsplit(server.url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=_LONGEST_S)
    query = urlencode([("environment", server.environment), *named])
    headers = {"Accept": "application/json"}
    if server.token is not None:
        headers["Authorization"] = f"Bearer {server.token}"
    try:
        connection.request("GET", f"{parts.path}{_PATH}?{query}", headers=headers)
        answer = connection.getresponse()
        body = _body(answer)
    finally:
        connection.close()
    if answer.status != http.client.OK:
        raise OSError(f"the server answers {answer.status}")
    found: Mapping[str, Any] = json.loads(body)
    return found


def _body(answer: http.client.HTTPResponse) -> bytes:
    until, parts = time.monotonic() + _LONGEST_S, bytearray()
    while part := answer.read1(_MOST_BYTES):
        parts += part
        if len(parts) > _MOST_BYTES or time.monotonic() > until:
            raise OSError("the answer does not end")
    return bytes(parts)


def _told(said: Mapping[str, Any]) -> BudgetAnswer:
    verdict = said["verdict"]
    if verdict not in ("allowed", "denied", "unknown"):
        raise ValueError("the server gives no verdict")
    first: Mapping[str, Any] = next(iter(said.get("budgets") or ()), {})
    return BudgetAnswer(
        verdict != "denied",
        verdict,
        verdict == "unknown",
        str(said.get("state", "unknown")),
        tuple(str(each) for each in said.get("reasons") or ()),
        first.get("name"),
        _decimal(first.get("amount_usd")),
        _decimal(first.get("spent_usd")),
        first.get("resets_at"),
        said.get("age_s"),
    )


def _decimal(value: object) -> Decimal | None:
    try:
        return None if value is None else Decimal(str(value))
    except InvalidOperation:
        return None


def _open(why: str) -> BudgetAnswer:
    return BudgetAnswer(True, "unknown", True, reasons=(why,))


_DESK = _Desk()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_DESK.forget)
