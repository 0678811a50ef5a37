"""Which values of attributes set bad traces apart, or what is now from what is usual. Pure.

Each value is held against chance (Fisher's exact test of shares, Mann and Whitney's of durations), and all of them
together once more (Benjamini and Hochberg, J. R. Stat. Soc. B 57, 1995), so that a hundred equal values are not five
findings.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy import stats

from observatory.diagnose.diagnosis import Contrast, Measure
from observatory.diagnose.hops import Group
from observatory.diagnose.sampled import ATTRIBUTES
from observatory.explore.model import Span

_CHANCE = 0.01
_LEAST_SHARE = 0.1
_LEAST_SLOWER = 0.2
_LEAST = 5
# A value stands out that is so many times as much slower as the attribute's others.
_STANDS_OUT = 2.0
_MOST_TESTS = 400
_MOST_DURATIONS = 2_000
_MOST = 30
Value = tuple[str, str]
# What says how it went cannot say why.
_OUTCOMES = frozenset({"error_type", "reason", "status_code", "order_status", "fallback"})


@dataclass(slots=True)
class _Seen:
    """Of one group: in which traces each value is, how long its spans took, who recorded them."""

    traces: int = 0
    held: dict[Value, set[int]] = field(default_factory=lambda: defaultdict(set))
    ms: dict[Value, list[float]] = field(default_factory=lambda: defaultdict(list))
    services: dict[Value, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))


@dataclass(frozen=True, slots=True)
class _Test:
    value: Value
    measure: Measure
    now: float
    usual: float
    effect: float
    chance: float
    samples: int


def find(
    usual: Sequence[Sequence[Span]], now: Sequence[Sequence[Span]], before: Group, after: Group
) -> tuple[Contrast, ...]:
    """The values that stand out, the clearest first.

    Args:
        usual, now: the two groups of traces.
        before, after: their paths, in the same order.
    """
    first, second = _read(usual), _read(now)
    bad = _bad(before, after)
    tests = [*_of_bad(second, bad), *_of_durations(first, second), *_of_shares(first, second)]
    tests = sorted(tests, key=lambda each: (each.chance, each.value, each.measure))[:_MOST_TESTS]
    if not tests:
        return ()
    chances = stats.false_discovery_control([each.chance for each in tests])
    found = [
        Contrast(
            attribute=each.value[0],
            value=each.value[1],
            measure=each.measure,
            now=round(each.now, 4),
            usual=round(each.usual, 4),
            effect=round(each.effect, 4),
            chance=float(f"{chance:.3g}"),
            samples=each.samples,
            services=tuple(
                name for name, _ in sorted(_of(second, first, each.value), key=lambda one: (-one[1], one[0]))[:5]
            ),
        )
        for each, chance in zip(tests, chances, strict=True)
        if chance <= _CHANCE
    ]
    found.sort(key=lambda each: (-abs(each.effect), each.chance, each.attribute, each.value, each.measure))
    return tuple(found[:_MOST])


def is_outcome(contrast: Contrast) -> bool:
    """Whether the attribute tells how it went, and not what it was."""
    return contrast.attribute in _OUTCOMES


def _of(second: _Seen, first: _Seen, value: Value) -> Iterable[tuple[str, int]]:
    return (second.services.get(value) or first.services.get(value) or Counter()).items()


def _read(traces: Sequence[Sequence[Span]]) -> _Seen:
    seen = _Seen(len(traces))
    for nth, spans in enumerate(traces):
        for span in spans:
            for value in _values(span.attributes):
                seen.held[value].add(nth)
                seen.services[value][span.service] += 1
                if len(times := seen.ms[value]) < _MOST_DURATIONS:
                    times.append(span.duration_ns / 1e6)
    return seen


def _values(attributes: Mapping[str, str]) -> set[Value]:
    return {(kind, attributes[name][:128]) for name, kind in ATTRIBUTES.items() if name in attributes}


def _bad(before: Group, after: Group) -> list[bool]:
    """Traces that failed, or took longer than nine of ten of the usual ones and half as long again as the median."""
    usual = [each for each in before.whole_ms if each > 0]
    limit = max(np.quantile(usual, 0.9), 1.5 * np.median(usual)) if len(usual) >= _LEAST else np.inf
    return [failed or ms > limit for ms, failed in zip(after.whole_ms, after.bad, strict=True)]


def _of_bad(seen: _Seen, bad: Sequence[bool]) -> list[_Test]:
    worse = {nth for nth, each in enumerate(bad) if each}
    good = len(bad) - len(worse)
    if len(worse) < _LEAST or good < _LEAST:
        return []
    made = []
    for value, held in seen.held.items():
        both = len(held & worse)
        others = len(bad) - len(held)
        # What is in every trace, or in hardly any, sets none apart.
        if len(held) < _LEAST or others < _LEAST:
            continue
        with_it, without = both / len(held), (len(worse) - both) / others
        if with_it - without < _LEAST_SHARE:
            continue
        table = [[both, len(held) - both], [len(worse) - both, others - (len(worse) - both)]]
        chance = float(stats.fisher_exact(table).pvalue)
        made.append(_Test(value, "slow_or_failed", with_it, without, with_it - without, chance, len(held)))
    return made


def _of_durations(first: _Seen, second: _Seen) -> list[_Test]:
    made = []
    for value, now in second.ms.items():
        usual = first.ms.get(value, [])
        if len(now) < _LEAST or len(usual) < _LEAST:
            continue
        before, after, effect = _slower(usual, now)
        if effect < _LEAST_SLOWER or effect < _STANDS_OUT * _of_others(first, second, value):
            continue
        chance = float(stats.mannwhitneyu(usual, now, method="asymptotic").pvalue)
        made.append(_Test(value, "duration_ms", after, before, effect, chance, len(now)))
    return made


def _slower(usual: Sequence[float], now: Sequence[float]) -> tuple[float, float, float]:
    before, after = float(np.median(usual)), float(np.median(now))
    return before, after, (after - before) / max(before, 0.1)


def _of_others(first: _Seen, second: _Seen, value: Value) -> float:
    """By how much the attribute's other values are slower; without any of them this one sets nothing apart."""
    others = [
        _slower(first.ms[each], now)[2]
        for each, now in second.ms.items()
        if each[0] == value[0] and each != value and len(now) >= _LEAST and len(first.ms.get(each, ())) >= _LEAST
    ]
    return max(0.0, float(np.median(others))) if others else np.inf


def _of_shares(first: _Seen, second: _Seen) -> list[_Test]:
    if min(first.traces, second.traces) < 2 * _LEAST:
        return []
    made = []
    for value in {*first.held, *second.held}:
        was, is_ = len(first.held.get(value, ())), len(second.held.get(value, ()))
        before, after = was / first.traces, is_ / second.traces
        if abs(after - before) < _LEAST_SHARE:
            continue
        table = [[is_, second.traces - is_], [was, first.traces - was]]
        chance = float(stats.fisher_exact(table).pvalue)
        made.append(_Test(value, "share", after, before, after - before, chance, is_))
    return made
