"""Faults over HTTP, on the loopback alone.

    GET    /faults         every kind, with what of it runs
    POST   /faults         starts one: {"kind": ..., "target"?: ..., "grade"?: ..., "seconds"?: ...}
    GET    /faults/truth   what ran and runs
    GET    /faults/{id}    one that ran or runs
    DELETE /faults/{id}    ends one
    GET    /               a page with buttons

Errors are `application/problem+json`. No other site's page can start a fault by way of its reader's browser: a request
has to be addressed to the loopback, to come from here or from no page at all, and to carry JSON.
"""

import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
from importlib.resources import files
from typing import Any, Final, NoReturn
from urllib.parse import urlsplit

from aiohttp import web
from pydantic import BaseModel, ConfigDict, ValidationError

from observatory_universe.faults.kinds import KINDS, Kind
from observatory_universe.faults.reading import complaint, shown
from observatory_universe.faults.registry import AlreadyRunningError, FaultError, Faults, NotRunningError, Source
from observatory_universe.faults.truth import Record, Truth, TruthError

# The terminal's menu says who it is, so that the ground truth can tell.
SOURCE_HEADER: Final = "X-Fault-Source"

_HOST: Final = "127.0.0.1"
_LOOPBACK: Final = {"127.0.0.1", "localhost", "::1"}
_MOST_BYTES: Final = 4_096
_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'"
_LOG = logging.getLogger(__name__)

_Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


class _Wish(BaseModel):
    """The body of a POST."""

    model_config = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)

    kind: str
    target: str | None = None
    grade: float | None = None
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Control:
    """Where the server listens."""

    host: str
    port: int

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"


@asynccontextmanager
async def control_server(faults: Faults, truth: Truth, *, port: int = 0) -> AsyncIterator[Control]:
    """Serves until the context ends.

    Args:
        truth: the witness of `faults`.
        port: 0 takes a free one.

    Raises:
        FaultError: the port cannot be had.
    """
    runner = web.AppRunner(_application(_Desk(faults, truth)), access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, _HOST, port).start()
        except OSError as error:
            raise FaultError(f"port is {port}, which cannot be had: {error.strerror}") from error
        yield Control(_HOST, runner.addresses[0][1])
    finally:
        await runner.cleanup()


def _application(desk: "_Desk") -> web.Application:
    application = web.Application(middlewares=[_problems, _from_here], client_max_size=_MOST_BYTES)
    application.add_routes(
        [
            web.get("/", desk.page),
            web.get("/faults", desk.kinds),
            web.post("/faults", desk.start),
            # Before the ids: it is none.
            web.get("/faults/truth", desk.truth),
            web.get("/faults/{id}", desk.fault),
            web.delete("/faults/{id}", desk.end),
        ]
    )
    return application


class _Desk:
    """What answers."""

    def __init__(self, faults: Faults, truth: Truth) -> None:
        self._faults = faults
        self._truth = truth
        self._page = (files(__package__) / "page.html").read_text(encoding="utf-8")

    async def page(self, request: web.Request) -> web.Response:
        headers = {"Content-Security-Policy": _POLICY, "Cache-Control": "no-store"}
        return web.Response(text=self._page, content_type="text/html", headers=headers)

    async def kinds(self, request: web.Request) -> web.Response:
        running = [self._recorded(fault.id) for fault in self._faults.active()]
        return _json([_shown_kind(kind, [each for each in running if each.kind == kind.id]) for kind in KINDS.values()])

    async def start(self, request: web.Request) -> web.Response:
        wish = await _wish(request)
        try:
            fault = self._faults.begin(wish.kind, wish.target, wish.grade, wish.seconds, source=_source(request))
        except AlreadyRunningError as error:
            _refuse(409, str(error), running=error.running.id)
        except TruthError as error:
            _refuse(500, str(error))
        except FaultError as error:
            _refuse(400, str(error))
        return _json(self._recorded(fault.id).model_dump(), 201, {"Location": f"/faults/{fault.id}"})

    async def truth(self, request: web.Request) -> web.Response:
        return _json([record.model_dump() for record in self._truth.records()])

    async def fault(self, request: web.Request) -> web.Response:
        id_ = request.match_info["id"]
        record = self._truth.record(id_)
        if record is None:
            _refuse(404, f"there was no fault {shown(id_)}; GET /faults/truth lists all that ran and run")
        return _json(record.model_dump())

    async def end(self, request: web.Request) -> web.Response:
        id_ = request.match_info["id"]
        try:
            self._faults.end(id_)
        except NotRunningError as error:
            record = self._truth.record(id_)
            _refuse(404, f"{error}" + (f"; it ended at {record.end}" if record and record.end else ""))
        return _json(self._recorded(id_).model_dump())

    def _recorded(self, id_: str) -> Record:
        record = self._truth.record(id_)
        assert record is not None, f"{id_} was started past its witness"
        return record


def _shown_kind(kind: Kind, running: list[Record]) -> dict[str, Any]:
    return {
        "kind": kind.id,
        "group": kind.group,
        "sentence": kind.sentence,
        "grades": {
            "least": kind.grade.least,
            "default": kind.grade.default,
            "most": kind.grade.most,
            "sentence": kind.grade.sentence,
        },
        "targets": list(kind.targets),
        "default_target": kind.targets[0] if kind.one_target else None,
        "is_fault": kind.is_fault,
        "expected_areas": list(kind.expected),
        "permitted_areas": list(kind.permitted),
        "active": [record.model_dump() for record in running],
    }


async def _wish(request: web.Request) -> _Wish:
    if request.content_type != "application/json":
        given = shown(request.headers.get("Content-Type", ""))
        _refuse(415, f"Content-Type is {given}, must be application/json")
    fields = ", ".join(_Wish.model_fields)
    try:
        document = json.loads(await request.read(), object_pairs_hook=_once, parse_constant=_no_number)
        return _Wish.model_validate(document)
    except ValidationError as error:
        _refuse(400, complaint(error, fields).replace("the document", "the body"))
    except (ValueError, RecursionError) as error:
        # UnicodeDecodeError and JSONDecodeError are ValueErrors.
        _refuse(400, f"the body is no JSON object with the fields {fields}: {error}")


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    document = dict(pairs)
    if len(document) != len(pairs):
        raise ValueError("a field stands twice")
    return document


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number")


def _source(request: web.Request) -> Source:
    return "menu" if request.headers.get(SOURCE_HEADER) == "menu" else "http"


@web.middleware
async def _from_here(request: web.Request, handler: _Answer) -> web.StreamResponse:
    host = request.headers.get("Host", "")
    if _hostname(f"//{host}") not in _LOOPBACK:
        _refuse(403, f"Host is {shown(host)}, must be one of {', '.join(sorted(_LOOPBACK))}")
    origin = request.headers.get("Origin")
    if origin is not None and origin != f"http://{host}":
        _refuse(403, f"Origin is {shown(origin)}, must be http://{host} or left out")
    return await handler(request)


def _hostname(address: str) -> str | None:
    try:
        return urlsplit(address).hostname
    except ValueError:
        return None


@web.middleware
async def _problems(request: web.Request, handler: _Answer) -> web.StreamResponse:
    try:
        return await handler(request)
    except _Refused as refused:
        return _problem(refused.status, str(refused), refused.more)
    except web.HTTPRequestEntityTooLarge:
        return _problem(413, f"the body is longer than {_MOST_BYTES} bytes")
    except web.HTTPMethodNotAllowed as error:
        allowed = ", ".join(sorted(error.allowed_methods))
        detail = f"method is {shown(error.method)}, must be one of {allowed} for {request.path}"
        return _problem(405, detail, headers={"Allow": allowed})
    except web.HTTPNotFound:
        paths = "/, /faults, /faults/truth and /faults/{id}"
        return _problem(404, f"path is {shown(request.path)}; there are {paths}")
    except web.HTTPException as error:
        return _problem(error.status, error.text or error.reason)
    except Exception:
        _LOG.exception("%s %s failed", request.method, request.path)
        return _problem(500, "the universe has a fault of its own; see its log")


class _Refused(Exception):
    def __init__(self, status: int, detail: str, more: Mapping[str, str]) -> None:
        super().__init__(detail)
        self.status = status
        self.more = more


def _refuse(status: int, detail: str, **more: str) -> NoReturn:
    raise _Refused(status, detail, more)


def _problem(
    status: int, detail: str, more: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None
) -> web.Response:
    document = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        **(more or {}),
    }
    text = json.dumps(document)
    return web.Response(text=text, status=status, content_type="application/problem+json", headers=headers)


def _json(document: object, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    return web.json_response(document, status=status, headers={"Cache-Control": "no-store", **(headers or {})})
