"""OpenTelemetry's own instrumentations, switched on with our providers, and kept from recording a call twice."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib import import_module
from typing import Any

from observatory_sdk.attach import covering
from observatory_sdk.attach.libraries import NotSupported
from observatory_sdk.attach.providing import Provided, Tracers
from observatory_sdk.guard import Guard

Undo = Callable[[], None]
_GUARD = Guard("libraries")
_OPT_IN = "OTEL_SEMCONV_STABILITY_OPT_IN"
# Read while they are switched on; one of them is written then, too. The host and its children do not see them.
_VARIABLES = {_OPT_IN: "http,database", "OTEL_INSTRUMENTATION_GENAI_EMIT_EVENT": None}
# Read at each call, and on where nothing is said: messages would be recorded.
_CONTENT = "TRACELOOP_TRACE_CONTENT"
_MESSAGES = "anthropic.resources.messages:"
_BETA = "anthropic.resources.beta.messages.messages:"
_STREAMS = "anthropic.lib.streaming:"
_ASYNCPG = "sqlalchemy.dialects.postgresql.asyncpg:AsyncAdapt_asyncpg_"
# What the SDK itself reports of the process, and what would be a series for each processor and connection, is left out.
_MEASURED: dict[str, list[str] | None] = {
    "system.memory.usage": ["used", "free", "cached"],
    "system.memory.utilization": ["used", "free", "cached"],
    "system.swap.utilization": ["used", "free"],
    "system.disk.io": ["read", "write"],
    "system.network.io": ["transmit", "receive"],
    "process.context_switches": ["involuntary", "voluntary"],
    "process.open_file_descriptor.count": None,
    "cpython.gc.collections": None,
}


def httpx() -> Undo | None:
    """Spans of requests by HTTPX."""
    return _on("httpx:HTTPXClientInstrumentor", leaf="http")


def httpx2() -> Undo | None:
    """Spans of requests by HTTPX2, which the providers' SDKs use."""
    return _on("httpx:HTTPX2ClientInstrumentor", leaf="http")


def aiohttp() -> Undo | None:
    """Spans of requests by sessions of aiohttp that are made from now on."""
    return _on("aiohttp_client:AioHttpClientInstrumentor", leaf="http")


def requests() -> Undo | None:
    """Spans of requests by requests."""
    return _on("requests:RequestsInstrumentor", leaf="http")


def redis() -> Undo | None:
    """Spans of commands, without their values."""
    return _on("redis:RedisInstrumentor")


def sqlalchemy() -> Undo | None:
    """Spans of statements, also of engines that exist already; what the driver does below them is no further call."""
    base = import_module("sqlalchemy.engine.base").Engine
    with suppress(ImportError):
        # It keeps the function that makes engines: imported later, that would be the wrapped one, and wrapped again.
        import_module("sqlalchemy.ext.asyncio")
    # An engine may be anything's attribute. `type` and not `isinstance`: objects of the host may answer for others.
    engines = [found for found in gc.get_objects() if issubclass(type(found), base)]
    # Its range ends below what it works with: it uses the library's public events.
    undo = _on("sqlalchemy:SQLAlchemyInstrumentor", beyond=True, engines=engines)
    with _GUARD:
        # A span each time that a connection is taken from the pool would be a call of the database that is none.
        covering.bare(base, "connect")
    return undo


def asyncpg() -> Undo | None:
    """Spans of statements by asyncpg itself."""
    return _on("asyncpg:AsyncPGInstrumentor")


def sqlalchemy_asyncpg() -> Undo | None:
    """Statements of SQLAlchemy are recorded there: asyncpg is quiet below them."""
    if not _instrumentor("sqlalchemy:SQLAlchemyInstrumentor").is_instrumented_by_opentelemetry:
        return None
    classes = [f"{_ASYNCPG}{name}" for name in ("cursor", "ss_cursor", "connection")]
    return covering.below_database(classes, ("_buffer_rows", "fetchmany"))


def celery() -> Undo | None:
    """Spans of tasks where they are sent and where they run."""
    return _on("celery:CeleryInstrumentor")


def openai() -> Undo | None:
    """Spans of model calls by OpenAI's SDK."""
    owners = ("chat.completions:Completions", "chat.completions:AsyncCompletions")
    more = ("embeddings:Embeddings", "embeddings:AsyncEmbeddings")
    return _sdk("openai_v2:OpenAIInstrumentor", [f"openai.resources.{name}" for name in (*owners, *more)])


def anthropic() -> Undo | None:
    """Spans of model calls by Anthropic's SDK: its own where it makes them, which know more than those from outside."""
    client = import_module("anthropic._base_client")
    own = getattr(client, "get_tracer", None)
    return _anthropic() if own is None else _own_tracer(client, own)


def _own_tracer(client: Any, own: Callable[..., Any]) -> Undo:
    provided = Provided("model", goes_on=True)

    def get_tracer(options: Any, *args: Any, **kwargs: Any) -> Any:
        # One that the host chose for a client stays.
        chosen = {"tracer_provider": Tracers(provided), **options}
        return own(chosen if provided.on else options, *args, **kwargs)

    client.get_tracer = get_tracer

    def undo() -> None:
        provided.stop()
        client.get_tracer = own

    return undo


def _anthropic() -> Undo:
    """For versions without spans of their own. Messages are not recorded unless the host says so."""
    said = os.environ.get(_CONTENT)
    os.environ.setdefault(_CONTENT, "false")
    classes = [f"{place}{name}" for place in (_MESSAGES, _BETA) for name in ("Messages", "AsyncMessages")]
    undo = _sdk("anthropic:AnthropicInstrumentor", classes)
    # A stream's request is made when its manager is entered, which is after the method that is recorded.
    managers = [f"{_STREAMS}{name}" for name in ("MessageStreamManager", "BetaMessageStreamManager")]
    more = [f"{_STREAMS}{name}" for name in ("AsyncMessageStreamManager", "BetaAsyncMessageStreamManager")]
    entered = covering.below_sdk([*managers, *more], ("__enter__", "__aenter__"))

    def put_back() -> None:
        entered()
        if undo is not None:
            undo()
        if said is None:
            os.environ.pop(_CONTENT, None)

    return put_back


def google_genai() -> Undo | None:
    """Spans of model calls by Google's SDK."""
    models = "google.genai.models:"
    return _sdk("google_genai:GoogleGenAiSdkInstrumentor", [f"{models}Models", f"{models}AsyncModels"])


def system() -> Undo | None:
    """Metrics of the machine, and those of the process that the SDK does not report itself."""
    found = _instrumentor("system_metrics:SystemMetricsInstrumentor", config=dict(_MEASURED))
    undo = _switched_on(found)

    def forked() -> None:
        with _GUARD:
            # It looks at the process that it was made in.
            found._proc = type(found._proc)(os.getpid())

    if undo is not None and hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=forked)
    return undo


def _sdk(path: str, classes: Sequence[str]) -> Undo | None:
    undo = _on(path, leaf="model")
    covered = covering.below_instrumentation(classes)

    def put_back() -> None:
        covered()
        if undo is not None:
            undo()

    return put_back


def _on(path: str, leaf: str | None = None, beyond: bool = False, **more: Any) -> Undo | None:
    """Switch on; None when the host did it before. `beyond`: in versions of the library that it does not name, too."""
    found = _instrumentor(path)
    conflict = None if beyond else found._check_dependency_conflicts()
    if conflict is not None:
        raise NotSupported(str(conflict))
    return _switched_on(found, leaf, **more)


def _instrumentor(path: str, **given: Any) -> Any:
    module, _, name = path.partition(":")
    made = getattr(import_module(f"opentelemetry.instrumentation.{module}"), name, None)
    if made is None:
        raise NotSupported(f"the installed instrumentation of {module} has no {name}")
    return made(**given)


def _switched_on(found: Any, leaf: str | None = None, **more: Any) -> Undo | None:
    if found.is_instrumented_by_opentelemetry:
        return None
    provided = Provided(leaf)
    with conventions():
        found.instrument(skip_dep_check=True, **provided.arguments(), **more)

    def undo() -> None:
        provided.stop()
        if found.is_instrumented_by_opentelemetry:
            found.uninstrument()

    return undo


@contextmanager
def conventions() -> Iterator[None]:
    """Instrumentations that are switched on inside use the stable names, unless the host has said which."""
    before = {name: os.environ.get(name) for name in _VARIABLES}
    for name, value in _VARIABLES.items():
        if value is not None:
            os.environ.setdefault(name, value)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
