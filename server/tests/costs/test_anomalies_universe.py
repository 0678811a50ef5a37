"""Each fault that costs money, in a universe that lives through it in virtual time and reports over OTLP."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from doorway import Doors
from live.door import Open, opened

from observatory.api import cost_anomaly_json
from observatory.clock import HeldClock
from observatory.costs import Book, CostAnomalies, Ledger
from observatory.ingest import Bounds
from observatory.state import State, open_store
from observatory.store import Store

from . import lived

pytestmark = [pytest.mark.long, pytest.mark.timeout(1_800)]

MINUTES, BEGINS, ENDS, SEED = 85, 60, 72, 7
KINDS = {
    "ai_cache_ratio_drop": ("cache_ratio_drop", "cache_ratio"),
    "price_change": ("price_change", "charge_price"),
    "ai_silent_fallback": ("silent_fallback", "model_mix"),
    "ai_token_loop": ("token_loop", "volume"),
    "user_runaway": ("runaway_user", "volume"),
}


@pytest.fixture(scope="module")
def door(store: Store, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Open]:
    with opened(Doors(tmp_path_factory.mktemp("door"), store.writers, bounds=Bounds(64 << 20))) as found:
        yield found


@pytest.fixture(scope="module")
def start() -> datetime:
    now = datetime.now().astimezone().replace(second=0, microsecond=0)
    return now - timedelta(minutes=MINUTES + 10)


@pytest.fixture(scope="module")
def live(door: Open, start: datetime, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., str]:
    """Lets a universe live; returns the environment that it reported from. Each of them lives once."""
    done: dict[str, str] = {}

    def run(kind: str, minutes: float = MINUTES, pace: str = "small", until: datetime | None = None) -> str:
        if (name := f"{kind}-{minutes:g}-{pace}") not in done:
            folder = tmp_path_factory.mktemp("life")
            begins = start if until is None else until - timedelta(minutes=minutes)
            given = round(begins.timestamp()) * 10**9, minutes, door.url, door.token, f"money-{name}", SEED
            lived.Life(*given, kind, BEGINS, ENDS, pace=pace).write(folder / "life.json")
            subprocess.run([sys.executable, Path(lived.__file__), folder / "life.json"], check=True)
            done[name] = f"money-{name}"
        return done[name]

    return run


@pytest.fixture
async def control(tmp_path: Path) -> AsyncIterator[State]:
    state = await open_store(f"sqlite+aiosqlite:///{tmp_path / 'state.db'}")
    yield state
    await state.close()


async def found(store: Store, control: State, environment: str, at: datetime) -> list[dict[str, Any]]:
    """All anomalies of an environment up to a moment, the dearest first."""
    ledger, clock = Ledger(store.reader, Book()), HeldClock(at)
    anomalies = CostAnomalies(store.reader, ledger, control, clock, cost_anomaly_json.encode, lambda: [environment])
    await anomalies.step()
    records = await anomalies.page(environment, (at - timedelta(days=3), at), None, 200, None, None)
    return sorted((dict(cost_anomaly_json.item(each, None)) for each in records), key=lambda each: -each["excess_usd"])


async def spent(store: Store, environment: str, since: datetime, until: datetime) -> float:
    (whole,) = await Ledger(store.reader, Book()).spent(environment, since, until)
    return float(whole.usd or 0)


@pytest.mark.parametrize("flag", KINDS)
async def test_a_flag_is_found_sized_and_decomposed(
    store: Store, control: State, live: Callable[..., str], start: datetime, flag: str
) -> None:
    calm, struck = live(""), live(flag)
    end = start + timedelta(minutes=MINUTES)
    # Until the flag both lives are the same; after it they draw other happenings, whose difference is not the flag's.
    flagged = start + timedelta(minutes=BEGINS), start + timedelta(minutes=ENDS)
    truth = await spent(store, struck, *flagged) - await spent(store, calm, *flagged)
    anomalies = await found(store, control, struck, end)
    assert anomalies, "nothing was found"
    first = anomalies[0]
    assert (first["kind"], first["main_factor"]) == KINDS[flag], first
    assert first["excess_usd"] == pytest.approx(truth, rel=0.1), first
    assert datetime.fromisoformat(first["found_at"]) <= start + timedelta(minutes=BEGINS + 5)
    # What the cause brings with it may be told beside it, never instead of it.
    assert sum(each["excess_usd"] for each in anomalies[1:]) <= 0.05 * first["excess_usd"]


async def test_a_calm_universe_has_no_anomaly(
    store: Store, control: State, live: Callable[..., str], start: datetime
) -> None:
    assert await found(store, control, live(""), start + timedelta(minutes=MINUTES)) == []


async def test_two_calm_days_have_at_most_two_false_alarms(
    store: Store, control: State, live: Callable[..., str], start: datetime
) -> None:
    environment = live("", 2_880, "history", start)
    assert len(await found(store, control, environment, start)) <= 2


@pytest.mark.parametrize("flag", ["quiet_market", "traffic_growth"])
async def test_less_or_more_work_is_explained_as_volume(
    store: Store, control: State, live: Callable[..., str], start: datetime, flag: str
) -> None:
    anomalies = await found(store, control, live(flag), start + timedelta(minutes=MINUTES))
    assert {each["main_factor"] for each in anomalies} <= {"volume", "charge_volume"}
