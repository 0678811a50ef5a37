"""Seeded made-up platforms: services that call each other, noise of several kinds, and at most one fault.

What is written down here about faults comes from what they do to a running service, not from what a ranking looks at:
delays add up towards the callers, errors are passed on, callers that wait ask less, resources stay where they are used.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.random import Generator

Floats = np.ndarray[tuple[int, ...], np.dtype[np.float64]]

FAULTS = ("cpu", "mem", "disk", "delay", "loss", "socket", "errors", "crash", "leak")
NOISES = ("normal", "heavy", "alike", "bursts")
METRICS = ("cpu", "mem", "diskio", "socket", "latency-50", "latency-90", "error", "workload")
_FIRST_S = 1_700_000_000.0


@dataclass
class Case:
    """One platform's series and what is true of them.

    Attributes:
        cause: service and fault; None when nothing went wrong. `began`: seconds since 1970.
        told: the beginning that a method is told; None: it has to look for it.
    """

    times: Floats
    metrics: dict[str, dict[str, Floats]]
    edges: list[tuple[str, str]]
    target: str
    cause: tuple[str, str] | None
    began: float
    told: float | None
    noise: str
    topology: str


@dataclass
class _Platform:
    chance: Generator
    size: int
    points: int
    calls: dict[int, list[int]]
    noise: str
    own_ms: Floats
    traffic: Floats = field(default_factory=lambda: np.zeros(0))


def case(seed: int, number: int, fault: bool = True) -> Case:
    """One case; the same seed and number give the same one."""
    chance = np.random.default_rng((seed, number, int(fault)))
    size, points = int(chance.integers(6, 66)), int(chance.integers(120, 721))
    noise = str(chance.choice(NOISES))
    calls = _calls(chance, size)
    platform = _Platform(chance, size, points, calls, noise, chance.lognormal(2.5, 1.0, size))
    start = int(points * chance.uniform(0.4, 0.75))
    kind = str(chance.choice(FAULTS)) if fault else ""
    where = int(chance.integers(0, size)) if fault else -1
    rows = _lived(platform, kind, where, start)
    step_s = float(chance.choice([1.0, 5.0, 15.0, 60.0]))
    times = np.asarray(_FIRST_S + step_s * np.arange(points), dtype=np.float64)
    metrics = _told(platform, rows, kind, where, start, step_s)
    edges, topology = _known_edges(chance, calls)
    told = _told_onset(chance, times, start)
    return Case(
        times, metrics, edges, "s0", (f"s{where}", kind) if fault else None, float(times[start]), told, noise, topology
    )


def _calls(chance: Generator, size: int) -> dict[int, list[int]]:
    """A graph without circles: each service is called by one to three that stand before it."""
    found: dict[int, list[int]] = {n: [] for n in range(size)}
    for callee in range(1, size):
        # Near ones rather than far ones, so that there are chains.
        weights = np.exp(-np.arange(callee)[::-1] / max(3.0, size / 6))
        count = min(callee, int(chance.choice([1, 1, 1, 2, 2, 3])))
        for caller in chance.choice(callee, count, replace=False, p=weights / weights.sum()):
            found[int(caller)].append(callee)
    return found


def _noise(platform: _Platform, count: int = 1) -> Floats:
    """Around 0, of deviation 1 or so."""
    chance, shape = platform.chance, (count, platform.points)
    if platform.noise == "heavy":
        return np.asarray(chance.standard_t(2.5, shape))
    if platform.noise == "alike":
        return _alike(chance, shape, 0.92)
    if platform.noise == "bursts":
        return np.asarray(chance.normal(0, 0.7, shape) + 6 * (chance.random(shape) < 0.02))
    return np.asarray(chance.normal(0, 1, shape))


def _alike(chance: Generator, shape: tuple[int, int], likeness: float) -> Floats:
    found = chance.normal(0, math.sqrt(1 - likeness**2), shape)
    found[:, 0] = chance.normal(0, 1, shape[0])
    for n in range(1, shape[1]):
        found[:, n] += likeness * found[:, n - 1]
    return np.asarray(found)


def _season(platform: _Platform) -> Floats:
    chance, time = platform.chance, np.arange(platform.points)
    period = platform.points * chance.uniform(0.1, 4.0)
    size = chance.choice([0.0, 0.1, 0.3])
    return np.asarray(1 + size * np.sin(2 * np.pi * time / period + chance.uniform(0, 7)))


def _on(platform: _Platform, start: int, later: int = 0) -> Floats:
    """0 before, 1 while the fault runs; some come slowly, some end."""
    chance = np.random.default_rng((platform.size, platform.points, start))
    after = platform.points - start
    slow = max(1, int(after * chance.choice([0.0, 0.0, 0.1, 0.3])))
    ends = int(after * chance.choice([1.0, 1.0, 0.6]))
    place = np.arange(platform.points) - start - later
    return np.where(place < 0, 0.0, np.minimum(1.0, (place + 1) / slow)) * (place < ends)


def _lived(platform: _Platform, kind: str, where: int, start: int) -> dict[str, Floats]:
    """Traffic, own time, time to answer and errors of each service."""
    chance, size, points = platform.chance, platform.size, platform.points
    on = _on(platform, start) if kind else np.zeros(points)
    own = platform.own_ms[:, None] * np.exp(chance.uniform(0.03, 0.3) * _noise(platform, size).clip(-6, 6))
    failing = np.zeros((size, points))
    strength = chance.uniform(0.5, 2.0)
    if kind in ("delay", "loss", "cpu", "disk", "socket", "leak", "mem"):
        adds = {"delay": 8, "loss": 5, "cpu": 1.5, "disk": 0.7, "socket": 0.7, "leak": 0.5, "mem": 0.3}[kind]
        own[where] += on * adds * strength * max(platform.own_ms[where], 5.0)
        if kind == "loss":
            own[where] *= np.exp(on * chance.normal(0, 0.5, points))
            failing[where] += 0.1 * strength * on
    if kind in ("errors", "crash"):
        failing[where] += on * (1.0 if kind == "crash" else chance.uniform(0.15, 0.8))
        own[where] *= 1 - 0.4 * on if chance.random() < 0.5 else 1 + 0.3 * on
    whole, errors = _passed_on(platform, own, failing, kind, where, on)
    waits = np.maximum(0.0, whole[0] / np.median(whole[0][:start]) - 1)
    traffic = _traffic(platform, waits, kind, where, on)
    return {"traffic": traffic, "own": own, "whole": whole, "errors": errors, "on": on}


def _passed_on(
    platform: _Platform, own: Floats, failing: Floats, kind: str, where: int, on: Floats
) -> tuple[Floats, Floats]:
    chance, whole, errors = platform.chance, own.copy(), failing.copy()
    seen_below = kind in ("delay", "loss") and chance.random() < 0.5
    for caller in range(platform.size - 1, -1, -1):
        for callee in platform.calls[caller]:
            share, late = chance.uniform(0.3, 1.0), int(chance.choice([0, 0, 1, 2]))
            whole[caller] += share * np.roll(whole[callee], late)
            errors[caller] += chance.choice([0.0, 0.3, 0.9, 1.0]) * share * np.roll(errors[callee], late)
    if seen_below:
        # Who measures from outside sees a slow wire on both sides of it.
        for callee in platform.calls[where]:
            whole[callee] += on * 0.5 * (own[where] - platform.own_ms[where]).clip(0)
    return whole, errors.clip(0, 1)


def _traffic(platform: _Platform, waits: Floats, kind: str, where: int, on: Floats) -> Floats:
    chance = platform.chance
    asked = chance.uniform(20, 400) * _season(platform) / (1 + chance.choice([0.0, 0.5]) * waits)
    traffic = np.zeros((platform.size, platform.points))
    traffic[0] = asked * (1 + 0.05 * _noise(platform)[0]).clip(0.2, 3)
    for caller in range(platform.size):
        passed = traffic[caller] * (1 - on * (kind == "crash" and caller == where))
        for callee in platform.calls[caller]:
            traffic[callee] += chance.uniform(0.2, 1.0) * passed
    return traffic * np.exp(0.03 * _noise(platform, platform.size).clip(-5, 5))


def _told(
    platform: _Platform, rows: dict[str, Floats], kind: str, where: int, start: int, step_s: float
) -> dict[str, dict[str, Floats]]:
    chance, found = platform.chance, dict[str, dict[str, Floats]]()
    odd = int(chance.integers(0, platform.size)) if kind and chance.random() < 0.3 else -1
    lost = chance.choice([0.0, 0.0, 0.1, 0.3])
    for n in range(platform.size):
        series = _series(platform, rows, n, kind if n == where else "", step_s)
        if n == odd and n != where:
            # Something that has nothing to do with it: a cache that grows a little.
            series["mem"] = series["mem"] * (1 + 0.04 * (np.arange(platform.points) >= chance.integers(start)))
        kept = [name for name in METRICS if chance.random() >= lost or (n == where and _shows(kind) == name)]
        found[f"s{n}"] = {name: _holes(chance, series[name]) for name in kept}
    if kind == "crash" and chance.random() < 0.6:
        for values in found[f"s{where}"].values():
            values[rows["on"] > 0] = np.nan
    return found


def _shows(kind: str) -> str:
    return {
        "cpu": "cpu", "mem": "mem", "leak": "mem", "disk": "diskio", "socket": "socket", "errors": "error",
        "crash": "error",
    }.get(kind, "latency-90")  # fmt: skip


def _series(platform: _Platform, rows: dict[str, Floats], n: int, kind: str, step_s: float) -> dict[str, Floats]:
    chance, on = platform.chance, rows["on"]
    traffic, whole = rows["traffic"][n], rows["whole"][n]
    six = _noise(platform, 6).clip(-15, 15)
    times = chance.uniform(1.5, 6) if chance.random() < 0.5 else chance.uniform(5, 30)
    cpu = chance.uniform(0.01, 0.2) + 0.0005 * traffic * chance.uniform(0.2, 2)
    cpu = cpu * (1 + 0.08 * six[0]).clip(0.1, 5) * (1 + on * (times if kind == "cpu" else 0))
    memory = chance.uniform(30, 800) * (1 + 0.003 * six[1] + _sawtooth(chance, platform.points))
    grows = np.cumsum(on) / max(1.0, on.sum()) if kind == "leak" else on
    memory = memory * (1 + grows * chance.uniform(0.2, 2.0) * (kind in ("mem", "leak")))
    disk = np.maximum(0, chance.lognormal(2, 1.5) * (1 + 0.5 * six[2])) * (chance.random(platform.points) < 0.7)
    disk = disk + on * (kind == "disk") * chance.uniform(5, 50) * (disk.mean() + 1)
    socket = np.round(chance.uniform(3, 20) + traffic * whole / 5e4) + on * (kind == "socket") * chance.uniform(20, 200)
    wide = chance.uniform(1.3, 3)
    rate = (traffic * step_s * (rows["errors"][n] + chance.choice([0, 0, 1e-4]))).clip(0, 1e6)
    return {
        "cpu": cpu,
        "mem": memory,
        "diskio": disk,
        "socket": socket,
        "latency-50": whole * np.exp(0.03 * six[3]),
        "latency-90": whole * wide * np.exp(0.1 * six[4].clip(-8, 8)),
        "error": chance.poisson(rate).astype(float),
        "workload": traffic,
    }


def _sawtooth(chance: Generator, points: int) -> Floats:
    if chance.random() < 0.7:
        return np.zeros(points)
    return np.asarray(0.05 * ((np.arange(points) / chance.uniform(8, 60) + chance.random()) % 1))


def _holes(chance: Generator, values: Floats) -> Floats:
    found = values.copy()
    found[chance.random(values.size) < chance.choice([0.0, 0.0, 0.02, 0.1])] = np.nan
    if chance.random() < 0.02:
        found[:] = chance.uniform(0, 10)
    return found


def _known_edges(chance: Generator, calls: dict[int, list[int]]) -> tuple[list[tuple[str, str]], str]:
    every = [(f"s{caller}", f"s{callee}") for caller, callees in calls.items() for callee in callees]
    known = str(chance.choice(["whole", "whole", "whole", "parts", "none"]))
    if known == "parts":
        every = [each for each in every if chance.random() < 0.75]
    return ([] if known == "none" else every), known


def _told_onset(chance: Generator, times: Floats, start: int) -> float | None:
    how = chance.choice(["told", "late", "not"], p=[0.4, 0.2, 0.4])
    if how == "not":
        return None
    return float(times[min(start + (int(chance.integers(1, 11)) if how == "late" else 0), times.size - 10)])
