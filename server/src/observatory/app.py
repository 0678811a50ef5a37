"""Composition root: builds every object once from the settings, opens and closes them in order."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import logging
import os
from collections.abc import AsyncIterator, Coroutine, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from fastapi import FastAPI

from observatory import alerting, api, areas, catalogue, collect, costs, incidents, notify, oncall, state, store, stream
from observatory.api import cost_anomaly_json, health_json, topology_json
from observatory.auth import Tokens
from observatory.clock import Clock
from observatory.errors import BodyError, Overloaded, StoreError
from observatory.ingest import Bounds, Budget, Committer, Door, Pace, http
from observatory.ingest.budget import Lease
from observatory.ingest.erasure import Erasures
from observatory.ingest.intents import Intents
from observatory.ingest.known import KnownBodies
from observatory.insight import Insight
from observatory.mcp import Face
from observatory.otlp.signals import Signal
from observatory.selfwatch import Selfwatch
from observatory.settings import Settings
from observatory.store import people
from observatory.store.backup import Manifest, freeze
from observatory.tick import DEFAULT_ENVIRONMENT, Fast, Haste, Knobs, Recorder, Snapshots, Tick

_log = logging.getLogger(__name__)
_STALE_TICKS = 6
_STALE_S = 60.0


@dataclass(frozen=True, slots=True)
class Observatory:
    """Everything that runs, for whoever listens on a port or looks from a test."""

    settings: Settings
    clock: Clock
    selfwatch: Selfwatch
    state: state.State
    tokens: Tokens
    store: store.Store
    door: Door
    snapshots: Snapshots
    web: FastAPI


@asynccontextmanager
async def opened(settings: Settings, clock: Clock | None = None) -> AsyncIterator[Observatory]:
    """Open everything; on leaving, commit what is queued and close in the opposite order.

    Raises:
        StoreError: if another process has the data folder, or the store cannot be opened.
        StateError: if the control store cannot be opened.
    """
    clock = clock or Clock()
    selfwatch = Selfwatch()
    collectors = collect.load(settings.collectors_file)
    async with AsyncExitStack() as stack:
        stack.enter_context(sole_owner(settings.data_dir))
        control = await state.open_store(settings.state_dsn)
        stack.push_async_callback(control.close)
        tokens = Tokens(control, clock)
        await tokens.load()
        telemetry = await asyncio.to_thread(store.open_store, plan(settings), selfwatch)
        stack.callback(telemetry.close)
        known = people.load(settings.pseudonym_key, make=False)
        erasures = Erasures(telemetry, control, tokens, known, settings.data_dir / "intents", settings.backups, clock)
        erased = await erasures.recall()
        door = await _door(settings, clock, selfwatch, telemetry, stack)
        services = catalogue.load()
        snapshots = Snapshots(partial(health_json.render, services))
        lead = await _lead(stack, control, clock, selfwatch)
        since = clock.now()
        graphs = incidents.graph.live(lambda name: found.snapshot if (found := snapshots.of(name)) else None)
        keeper = alerting.Keeper(control, [alerting.confirming(lead), notify.Planning(incidents.Folding(graphs))])
        alerts = await _alerting(settings, clock, selfwatch, telemetry, control, snapshots, since, keeper)
        late = partial(_late, settings, clock, snapshots)
        signer = await oncall.Signer.of(control, clock, settings.public_url)
        office = notify.Office(settings, clock, selfwatch, control, alerts, graphs, lead, late, signer.address)
        deliverer = await stack.enter_async_context(office.opened())
        keeper.after.append(deliverer.wake)
        led = alerting.Led(alerts, lead)
        tick = await _rounds(stack, settings, clock, selfwatch, telemetry, snapshots, since, lead, led)
        await _in_background(stack, tokens.refresh(), "tokens")
        await _collect(stack, collectors, door, clock, selfwatch)
        web = _web(settings, clock, selfwatch, tokens, door, snapshots, services)
        web.state.store, web.state.listening_since = telemetry, since
        web.state.alerts, web.state.control, web.state.lead = alerts, control, lead
        web.state.feed = stream.Feed(control, snapshots, api.alerts.change_item, clock)
        keeper.after.append(web.state.feed.wake)
        web.state.deliverer, web.state.channels, web.state.signer = deliverer, deliverer.channels, signer
        web.state.people, web.state.erasures = known, erasures
        if erased:
            await _in_background(stack, erasures.again(), "erasures")
        await _costs(stack, settings, clock, telemetry, web)
        await _budgets(stack, web, control, clock)
        await _anomalies(stack, web, control, clock, snapshots)
        await _incidents(stack, web, control, clock, graphs)
        await _oncall(stack, web, settings.digest_hour, control, clock, snapshots)
        tick.also("costs", web.state.standings.readings)
        tick.also("costs", web.state.cost_anomalies.readings)
        alerts.inputs.tellers |= alerting.money.tellers(web.state.standings, web.state.cost_anomalies)
        web.state.back_up = partial(_back_up, telemetry, settings.backups, clock)
        web.state.insight = Insight.of(settings, selfwatch, clock)
        await _in_background(stack, Face.on(web, settings.host, settings.public_url).run(), "mcp")
        yield Observatory(settings, clock, selfwatch, control, tokens, telemetry, door, snapshots, web)


async def _lead(stack: AsyncExitStack, control: state.State, clock: Clock, selfwatch: Selfwatch) -> state.Lead:
    lead = state.Lead(control, clock)
    selfwatch.leads.set_function(lambda: float(lead.leads))
    await _in_background(stack, lead.run(), "lead")
    return lead


async def _rounds(
    stack: AsyncExitStack,
    settings: Settings,
    clock: Clock,
    selfwatch: Selfwatch,
    telemetry: store.Store,
    snapshots: Snapshots,
    since: datetime,
    lead: state.Lead,
    led: alerting.Led,
) -> Tick:
    definitions, reader = areas.load(), telemetry.ticking
    knobs = Knobs(settings.tick_s, environments=settings.environments)
    recorder = Recorder(telemetry.history, topology_json.values, lambda: lead.leads)
    tick = Tick(reader, catalogue.load(), definitions, clock, snapshots, selfwatch, knobs, since, recorder, led.round)
    await _in_background(stack, tick.run(), "tick")
    if not lead.alone:
        begin = partial(led.begin, lambda: [each.snapshot for each in snapshots.all.values()])
        await _in_background(stack, lead.only(begin), "take over")
    haste = Haste(settings.fast_s, settings.fast_share)
    fast = Fast(reader, definitions, led.after_commit, clock, selfwatch, haste, since)
    await _in_background(stack, fast.run(), "fast")
    return tick


async def _costs(stack: AsyncExitStack, settings: Settings, clock: Clock, telemetry: store.Store, web: FastAPI) -> None:
    shelf = costs.Shelf(settings.prices_file, settings.data_dir / "prices")
    costs.put_in_force(shelf)
    rollup = costs.Rollup(telemetry, shelf, clock, timedelta(days=settings.retain_facts_days))
    await _in_background(stack, shelf.watch(), "prices")
    await _in_background(stack, web.state.lead.only(rollup.run), "cost hours")
    web.state.shelf, web.state.ledger = shelf, costs.Ledger(telemetry.reader, shelf)


async def _budgets(stack: AsyncExitStack, web: FastAPI, control: state.State, clock: Clock) -> None:
    """Standings and forecasts: kept in memory, so that a question before spending costs no query."""
    web.state.outlooks = costs.Outlooks(web.state.ledger, clock)
    web.state.standings = costs.Standings(control, web.state.ledger, web.state.outlooks, clock)
    await web.state.standings.load()
    await _in_background(stack, web.state.outlooks.run(), "outlooks")
    await _in_background(stack, web.state.standings.run(), "budgets")


async def _anomalies(
    stack: AsyncExitStack, web: FastAPI, control: state.State, clock: Clock, snapshots: Snapshots
) -> None:
    reader, ledger = web.state.store.reader, web.state.ledger
    web.state.cost_anomalies = costs.CostAnomalies(
        reader, ledger, control, clock, cost_anomaly_json.encode, lambda: snapshots.environments
    )
    await _in_background(stack, web.state.lead.only(web.state.cost_anomalies.run), "cost anomalies")


async def _alerting(
    settings: Settings,
    clock: Clock,
    selfwatch: Selfwatch,
    telemetry: store.Store,
    control: state.State,
    snapshots: Snapshots,
    since: datetime,
    keeper: alerting.Keeper,
) -> alerting.Evaluator:
    services = catalogue.load()
    rulebook = alerting.Rulebook(alerting.known(areas.load(), services), control, clock, settings.rules_dir)
    inputs = alerting.Inputs(telemetry.ticking, telemetry.guarded, services, selfwatch, since)
    own = alerting.OwnState(selfwatch, rulebook, settings.tick_s, lambda: snapshots.newest_at)
    watch = alerting.Watch(services, since, DEFAULT_ENVIRONMENT)
    evaluator = alerting.Evaluator(rulebook, inputs, own, keeper, control, selfwatch, watch)
    await evaluator.load()
    return evaluator


async def _incidents(
    stack: AsyncExitStack, web: FastAPI, control: state.State, clock: Clock, graphs: incidents.Graphs
) -> None:
    """What takes a look at the telemetry is written down beside the rounds, never in them."""
    reader = web.state.store.reader
    web.state.graphs = graphs
    web.state.incidents = incidents.Reports(control, reader, web.state.ledger)
    judged = partial(_judged, web.state.alerts.rulebook)
    scribe = incidents.Scribe(control, reader, web.state.incidents, judged, clock)
    await _in_background(stack, web.state.lead.only(scribe.run), "incidents")


async def _oncall(
    stack: AsyncExitStack, web: FastAPI, hour: int, control: state.State, clock: Clock, snapshots: Snapshots
) -> None:
    """Who leads escalates and writes the digests."""
    sources = oncall.Sources(
        lambda: {name: each.snapshot for name, each in snapshots.all.items()}, web.state.ledger, web.state.standings
    )
    wake, lead, channels = web.state.deliverer.wake, web.state.lead, web.state.channels
    digests = oncall.Digests(control, clock, sources, hour, wake, lead.confirm)
    escalator = oncall.Escalator(control, clock, lambda: {each.id for each in channels.all}, wake, lead.confirm)
    web.state.alerts.inputs.tellers["digest.sent"] = digests.tell
    web.state.digests = digests
    await _in_background(stack, lead.only(escalator.run), "escalations")
    await _in_background(stack, lead.only(digests.run), "digests")


def _judged(rulebook: alerting.Rulebook, rule: str) -> str | None:
    """Id of the indicator that a rule judges; None when it judges none."""
    found = rulebook.in_force.get(rule)
    indicator = getattr(found.rule.condition, "indicator", None) if found else None
    return indicator.id if indicator else None


async def _door(
    settings: Settings, clock: Clock, selfwatch: Selfwatch, telemetry: store.Store, stack: AsyncExitStack
) -> Door:
    known = KnownBodies(settings.data_dir / "known", settings.duplicate_window_s, clock.now_ns())
    stack.callback(known.close)
    intents = Intents(settings.data_dir / "intents")
    lingers_ms = {
        Signal.TRACES: settings.traces_linger_ms,
        Signal.LOGS: settings.logs_linger_ms,
        Signal.METRICS: settings.metrics_linger_ms,
    }
    committers = {
        signal: Committer(
            signal,
            telemetry.writers[signal],
            intents,
            known,
            _limits(settings),
            Pace(linger_ms / 1_000, settings.batch_bytes),
            clock,
            selfwatch,
        )
        for signal, linger_ms in lingers_ms.items()
    }
    await asyncio.to_thread(_replay, intents, committers)
    for committer in committers.values():
        committer.start()
        stack.push_async_callback(committer.stop)
    return Door(committers, Budget(settings.queue_bytes, selfwatch), clock, selfwatch)


async def _collect(
    stack: AsyncExitStack, targets: Sequence[collect.Target], door: Door, clock: Clock, selfwatch: Selfwatch
) -> None:
    if not targets:
        return
    collectors = collect.Collectors(targets, partial(_take_own, door), clock)
    selfwatch.registry.register(collectors.standings)
    await _in_background(stack, collectors.run(), "collect")


async def _take_own(door: Door, body: bytes) -> None:
    """What our own collectors saw goes the way of every sender's metrics, under the same bound."""
    lease = Lease(door.budget, Signal.METRICS)
    try:
        lease.grow(len(body))
        await door.offer(Signal.METRICS, body, lease, "collect")
    except (BodyError, Overloaded) as error:
        door.refuse(Signal.METRICS, error)
        raise
    finally:
        lease.end_of_request()


def _replay(intents: Intents, committers: dict[Signal, Committer]) -> None:
    for batch, bodies in intents.aside():
        committers[batch.signal].hold(batch, bodies)
    for batch, bodies in intents.left():
        try:
            committers[batch.signal].replay(batch, bodies)
        except StoreError as error:
            # Whoever sent it was never told that it is stored, and sends it again.
            _log.error("the open intent %s could not be inserted: %s", batch.id, error)


def plan(settings: Settings) -> store.Plan:
    """How the telemetry store is opened under these settings, the areas' facts included."""
    parsed = [store.parse(area.facts, f"areas/{area.id}/facts.sql") for area in areas.load()]
    return store.Plan(
        settings.dsn,
        settings.data_dir,
        limits=_limits(settings),
        retention=store.Retention(
            settings.retain_raw_days,
            settings.retain_metrics_days,
            settings.retain_facts_days,
            settings.retain_rollup_10s_days,
            settings.retain_rollup_1m_days,
            settings.retain_history_10s_days,
            settings.retain_history_1m_days,
            settings.retain_history_1h_days,
        ),
        readers=settings.readers,
        query_timeout_s=settings.query_timeout_s,
        query_memory_bytes=settings.query_memory_bytes,
        query_rows=settings.query_rows,
        tables=[table for tables, _ in parsed for table in tables],
        views=[view for _, views in parsed for view in views],
    )


def _limits(settings: Settings) -> store.Limits:
    known = people.load(settings.pseudonym_key, make=settings.pseudonym_key_file is None)
    slow_ms = {each.id: each.objective.latency_ms for each in catalogue.load().services}
    return store.Limits(
        settings.attributes, settings.attribute_bytes, settings.oldest_s, settings.ahead_s, known, slow_ms
    )


def _web(
    settings: Settings,
    clock: Clock,
    selfwatch: Selfwatch,
    tokens: Tokens,
    door: Door,
    snapshots: Snapshots,
    services: catalogue.Catalogue,
) -> FastAPI:
    web = api.application()
    web.state.tokens = tokens
    web.state.clock = clock
    web.state.selfwatch = selfwatch
    web.state.snapshots = snapshots
    web.state.catalogue = services
    # A verdict older than this is shown as unknown: the loop that should renew it is stuck.
    web.state.stale_after_s = max(_STALE_TICKS * settings.tick_s, _STALE_S)
    web.state.tick_s, web.state.replay_s = settings.tick_s, settings.replay_s
    web.state.ready = lambda: _ready(settings, clock, door, snapshots)
    api.include(web)
    web.router.routes.extend(http.routes(door, tokens, Bounds(settings.max_body_bytes, settings.read_body_s)))
    return web


def _ready(settings: Settings, clock: Clock, door: Door, snapshots: Snapshots) -> bool:
    """Whether a body would be taken, and the rounds that read both ends of the store go on."""
    return not _late(settings, clock, snapshots) and door.budget.held_bytes < settings.queue_bytes


def _late(settings: Settings, clock: Clock, snapshots: Snapshots) -> bool:
    newest = snapshots.newest_at
    stale_s = max(_STALE_TICKS * settings.tick_s, _STALE_S)
    return newest is None or (clock.now() - newest).total_seconds() >= stale_s


def _back_up(telemetry: store.Store, folder: Path, clock: Clock, name: str) -> tuple[str, Manifest]:
    return str(folder / name), freeze(telemetry, folder / name, clock.now())


async def _in_background(stack: AsyncExitStack, work: Coroutine[Any, Any, None], name: str) -> None:
    task = asyncio.create_task(work, name=name)

    async def end() -> None:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    stack.push_async_callback(end)


@contextlib.contextmanager
def sole_owner(folder: Path) -> Iterator[None]:
    """Hold the data folder. The embedded engine bears one process per path, and two would replay the same intents."""
    # Telemetry lies here in clear.
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise StoreError(f"another process serves {folder}") from None
        lock.write(str(os.getpid()))
        lock.flush()
        yield
