"""The host's log: taken before the host's levels drop it, while what the host prints stays the same."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from opentelemetry import context
from opentelemetry._logs import SeverityNumber

import observatory_sdk as obs
from observatory_sdk.attach import logs, records
from observatory_sdk.attach.libraries import LIBRARIES, Libraries
from observatory_sdk.errors import ConfigurationError

ROWS = tuple(row for row in LIBRARIES if row.name in ("logging", "structlog"))
# What this program prints is compared, with and without us: every way that a frame of ours could show.
HOST = """
    import logging, sys, warnings
    import structlog
    if sys.argv[1] == "watched":
        from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter
        from opentelemetry.sdk.metrics.export import ConsoleMetricExporter
        from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
        import observatory_sdk as obs
        from observatory_sdk.attach.libraries import LIBRARIES, Libraries
        from io import StringIO
        kept, away = InMemoryLogRecordExporter(), ConsoleMetricExporter(out=StringIO())
        exporters = obs.Exporters(InMemorySpanExporter(), kept, away, away)
        telemetry = obs.configure(service_name="host", exporters=exporters)
        Libraries([row for row in LIBRARIES if row.name in ("logging", "structlog")]).start()

    class Broken(logging.Handler):
        def emit(self, record):
            try:
                1 / 0
            except Exception:
                self.handleError(record)

    class Raising(logging.Handler):
        def emit(self, record):
            raise KeyError("handler")

    class Own(logging.Logger):
        def isEnabledFor(self, level):
            return level != logging.ERROR and super().isEnabledFor(level)
        def handle(self, record):
            record.msg = f"own {record.msg}"
            super().handle(record)

    class Texts:
        def __init__(self):
            self.count = 0
        def __str__(self):
            raise RuntimeError("no text")

    form = "%(levelname)s %(name)s %(filename)s:%(lineno)d %(funcName)s %(message)s"
    logging.basicConfig(level=logging.WARNING, format=form, stream=sys.stdout)
    log = logging.getLogger("host")
    def told(log):
        log.debug("debug %s", 1)
        log.info("info %s", 1, extra={"message": "not allowed, and nobody notices"})
        log.info("%d", "no number")
        log.info("%s", Texts())
        log.warning("warning %(a)s", {"a": 2}, stack_info=True)
        log.warning("higher", stacklevel=2)
        log.log(35, "between")
        try:
            1 / 0
        except ZeroDivisionError:
            log.exception("failed")
        print(log.isEnabledFor(logging.INFO), log.isEnabledFor(logging.ERROR))
    told(log)
    told(logging.LoggerAdapter(log, {"of": "adapter"}))
    own = Own("own"); own.parent = logging.root
    told(own)
    off = logging.getLogger("off"); off.disabled = True
    told(off)
    logging.disable(logging.CRITICAL); told(log); logging.disable(logging.NOTSET)
    log.addHandler(Broken()); log.warning("broken"); log.handlers.clear()
    log.addHandler(Raising())
    try:
        log.warning("raising")
    except KeyError:
        import traceback; traceback.print_exc()
    log.handlers.clear()
    def refuses(record):
        raise LookupError("filter")
    log.addFilter(refuses)
    try:
        log.warning("filtered")
    except LookupError:
        import traceback; traceback.print_exc()
    log.filters.clear()
    log.handle(logging.makeLogRecord({"msg": "by hand", "levelno": 10, "levelname": "DEBUG", "name": "host"}))
    log._log(logging.INFO, "directly", ())

    places = structlog.processors.CallsiteParameterAdder(
        {structlog.processors.CallsiteParameter.FILENAME, structlog.processors.CallsiteParameter.LINENO})
    chain = [structlog.contextvars.merge_contextvars, places, structlog.processors.StackInfoRenderer(),
             structlog.processors.format_exc_info]
    def said(log):
        log.debug("debug", a=1)
        log.info("info %s", "x", a=Texts)
        log.warning("warning", stack_info=True)
        log.log(logging.INFO, "by number"); log.log(logging.ERROR, "error by number")
        try:
            1 / 0
        except ZeroDivisionError:
            log.exception("failed")
        log.bind(user="u").error("bound")
    structlog.configure(processors=[*chain, structlog.processors.JSONRenderer(sort_keys=True, default=str)],
                        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
                        logger_factory=structlog.PrintLoggerFactory(sys.stdout), cache_logger_on_first_use=False)
    said(structlog.get_logger())
    structlog.configure(processors=[structlog.stdlib.filter_by_level, structlog.stdlib.PositionalArgumentsFormatter(),
                                    *chain, structlog.processors.KeyValueRenderer(sort_keys=True)],
                        wrapper_class=structlog.stdlib.BoundLogger, logger_factory=structlog.stdlib.LoggerFactory())
    said(structlog.get_logger("through.logging"))
    def breaks(*_):
        raise LookupError("processor")
    structlog.configure(processors=[breaks])
    try:
        structlog.get_logger().warning("x")
    except LookupError:
        import traceback; traceback.print_exc()
    if sys.argv[1] == "watched":
        telemetry.flush()
        print(len(kept.get_finished_logs()), file=open(sys.argv[2], "w"))
"""


@pytest.fixture
def taken(recorded: Any) -> Iterator[Callable[[], list[Any]]]:
    """Records taken from the host's log, except those of other libraries."""
    watched = Libraries(ROWS)
    watched.start()
    try:
        yield lambda: [
            found.log_record
            for found in recorded.logs()
            if found.instrumentation_scope.name.startswith(("host", "struct"))
        ]
    finally:
        watched.stop()
        structlog.reset_defaults()


@pytest.fixture
def log() -> Iterator[logging.Logger]:
    """A logger of the host that lets nothing below ERROR through."""
    found = logging.getLogger("host")
    found.setLevel(logging.ERROR)
    yield found
    found.setLevel(logging.NOTSET)
    found.disabled = False


def test_what_a_level_drops_is_taken_with_trace_service_and_place(taken: Any, log: logging.Logger) -> None:
    with obs.service("credit_ledger", "debit"):
        log.info("paid %d of %s", 3, "u1", extra={"order": "o1", "parts": [1, 2]})
    (record,) = taken()
    assert (record.body, record.severity_number, record.severity_text) == ("paid 3 of u1", SeverityNumber.INFO, "INFO")
    assert record.trace_id
    assert record.span_id
    assert record.attributes["observatory.service"] == "credit_ledger"
    assert record.attributes["order"] == "o1"
    assert record.attributes["parts"] == "[1, 2]"
    assert Path(record.attributes["code.file.path"]).name == "test_logs.py"
    assert record.attributes["code.function.name"].startswith("test_what_a_level_drops")


def test_what_the_host_lets_through_is_taken_once_and_below_the_floor_never(taken: Any, log: logging.Logger) -> None:
    log.error("through")
    log.debug("below the floor")
    assert [record.body for record in taken()] == ["through"]


def test_outside_of_any_service_a_record_counts_for_the_process(taken: Any, log: logging.Logger) -> None:
    log.info("alone")
    (record,) = taken()
    assert record.attributes["observatory.service"] == "test"
    assert not record.trace_id


@pytest.mark.parametrize("how", ["disabled logger", "disabled logging", "filter", "adapter"])
def test_no_way_of_dropping_hides_a_record(taken: Any, log: logging.Logger, how: str) -> None:
    said: Any = log
    if how == "disabled logger":
        log.disabled = True
    elif how == "disabled logging":
        logging.disable(logging.CRITICAL)
    elif how == "filter":
        log.addFilter(lambda _: False)
    else:
        said = logging.LoggerAdapter(log, {"of": "adapter"})
    try:
        said.error("hidden") if how == "filter" else said.info("hidden")
    finally:
        logging.disable(logging.NOTSET)
        log.filters.clear()
    (record,) = taken()
    assert record.body == "hidden"
    assert record.attributes.get("of") == ("adapter" if how == "adapter" else None)


def test_an_error_is_told_with_its_stack(taken: Any, log: logging.Logger) -> None:
    try:
        raise ValueError("no funds")
    except ValueError:
        log.exception("failed")
        log.info("dropped, but told", exc_info=True)
    for record in taken():
        assert record.attributes["exception.type"] == "ValueError"
        assert record.attributes["exception.message"] == "no funds"
        assert "in test_an_error_is_told_with_its_stack" in record.attributes["exception.stacktrace"]
    assert len(taken()) == 2


def test_secrets_are_taken_out_by_name_and_by_shape(taken: Any, log: logging.Logger) -> None:
    log.info("with password=hunter22 sent", extra={"api_key": "abc", "given": {"client_secret": "abc", "n": 1}})
    (record,) = taken()
    assert "hunter22" not in record.body
    assert "abc" not in str(dict(record.attributes))
    assert "'n': 1" in record.attributes["given"]


def test_values_that_do_not_fit_or_have_no_text_hurt_nobody(taken: Any, log: logging.Logger) -> None:
    class Mute:
        def __str__(self) -> str:
            raise RuntimeError("no text")

    log.info("%d", "no number")
    log.info("%s", Mute())
    log.info(Mute())
    log.info("field", extra={"mute": Mute(), "message": "not allowed"})
    assert [record.body for record in taken()] == ["%d", "%s", "Mute", "field"]
    assert obs.losses() == {}


def test_what_is_said_while_a_record_is_taken_is_not_taken(taken: Any, log: logging.Logger) -> None:
    class Talks:
        def __str__(self) -> str:
            log.info("again %s", self)
            return "once"

    log.info("%s", Talks())
    assert [record.body for record in taken()] == ["once"]


def test_our_own_loggers_and_those_at_work_for_our_sending_are_left_out(taken: Any, recorded: Any) -> None:
    quiet = context.set_value(context._SUPPRESS_INSTRUMENTATION_KEY, True)
    logging.getLogger("opentelemetry.sdk.x").warning("ours")
    logging.getLogger("observatory_sdk").warning("ours")
    token = context.attach(quiet)
    logging.getLogger("host").warning("while sending")
    context.detach(token)
    with obs.facts.ModelCall(provider="openai", request_model="m"):
        logging.getLogger("host").warning("in a call")
    assert [record.body for record in taken()] == ["in a call"]


def test_a_process_may_say_so_much_a_second(taken: Any, log: logging.Logger, lenient: None) -> None:
    for number in range(3 * records.MAX_PER_S):
        log.info("%d", number)
    lost = obs.losses()["log records over the rate"]
    assert len(taken()) + lost == 3 * records.MAX_PER_S
    assert lost >= records.MAX_PER_S / 2


def test_long_texts_stacks_and_many_fields_are_cut(taken: Any, log: logging.Logger) -> None:
    log.info("x" * 100_000, extra={f"field_{number}": "y" * 100_000 for number in range(500)})
    (record,) = taken()
    assert len(record.body) <= records.MAX_LENGTH
    assert len(record.attributes) <= records.MAX_FIELDS + 2
    assert max(len(str(value)) for value in record.attributes.values()) <= records.MAX_LENGTH


def test_threads_take_beside_each_other(taken: Any, log: logging.Logger) -> None:
    threads = [threading.Thread(target=lambda: [log.info("x") for _ in range(50)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(taken()) == 200


@pytest.mark.parametrize("way", ["native", "logging"])
def test_structlog_is_taken_before_its_own_filter_and_once(taken: Any, log: logging.Logger, way: str) -> None:
    if way == "native":
        wrapper: Any = structlog.make_filtering_bound_logger(logging.ERROR)
        structlog.configure(wrapper_class=wrapper, logger_factory=structlog.ReturnLoggerFactory(), processors=[_drop])
    else:
        structlog.configure(
            wrapper_class=structlog.stdlib.BoundLogger,
            logger_factory=structlog.stdlib.LoggerFactory(),
            processors=[structlog.stdlib.filter_by_level, structlog.stdlib.render_to_log_kwargs],
        )
    said = structlog.get_logger("host").bind(order="o1")
    with obs.service("credit_ledger", "debit"), structlog.contextvars.bound_contextvars(request="r1"):
        said.info("paid %d", 3, amount=1.5, password="hunter22")
        said.debug("below the floor")
        said.error("through")
    first, second = taken()
    assert (first.body, first.severity_number, second.body) == ("paid 3", SeverityNumber.INFO, "through")
    assert first.trace_id == second.trace_id != 0
    assert {"order": "o1", "request": "r1", "amount": 1.5}.items() <= dict(first.attributes).items()
    assert "hunter22" not in str(dict(first.attributes))
    assert first.attributes["observatory.service"] == "credit_ledger"


async def test_asynchronous_structlog_is_taken_and_answers_as_before(taken: Any) -> None:
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR),
        logger_factory=structlog.ReturnLoggerFactory(),
        processors=[_drop],
    )
    said = structlog.get_logger()
    try:
        raise ValueError("no funds")
    except ValueError:
        assert await said.ainfo("dropped %s", "x") is None
        await said.aexception("failed")
    dropped, failed = taken()
    assert (dropped.body, failed.body) == ("dropped x", "failed")
    assert failed.attributes["exception.type"] == "ValueError"


def test_everything_is_put_back(recorded: Any) -> None:
    def now() -> list[object]:
        filtering = structlog.make_filtering_bound_logger(logging.ERROR)
        base = structlog._base.BoundLoggerBase  # type: ignore[attr-defined]
        names = (logging.Logger.isEnabledFor, logging.Logger.filter, base._proxy_to_logger)
        return [*names, *vars(filtering).values()]

    before = now()
    watched = Libraries(ROWS)
    watched.start()
    assert now() != before
    watched.stop()
    assert now() == before


def test_a_floor_that_is_no_level_names_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(logs.LEVEL, "debug")
    assert logs.floor() == logging.DEBUG
    monkeypatch.setenv(logs.LEVEL, "loud")
    with pytest.raises(ConfigurationError, match=r"OBSERVATORY_LOG_LEVEL.*'LOUD'.*WARNING"):
        logs.floor()


def test_what_the_host_prints_is_the_same_to_the_byte(platform: Any, tmp_path: Path) -> None:
    platform.write("host", HOST)
    count = tmp_path / "count"
    bare = platform.run(sys.executable, "host.py", "bare")
    watched = platform.run(sys.executable, "host.py", "watched", str(count), OBSERVATORY_LOG_LEVEL="DEBUG")
    assert watched.stdout == bare.stdout
    assert watched.stderr == bare.stderr
    assert "Traceback" in bare.stderr
    assert len(bare.stdout.splitlines()) > 50
    assert int(count.read_text()) > 50


def _drop(*_: Any) -> Any:
    raise structlog.DropEvent
