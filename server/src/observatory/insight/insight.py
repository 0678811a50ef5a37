"""Summaries of evidence: by the model of the settings, where there is one that holds to the facts, else by template."""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
from collections import Counter, OrderedDict
from collections.abc import Sequence
from pathlib import Path

from observatory.clock import Clock
from observatory.errors import SettingsError
from observatory.insight.endpoint import Endpoint, Unanswered
from observatory.insight.grounding import check
from observatory.insight.summary import Sentence, Summary
from observatory.insight.template import write
from observatory.model.evidence import Evidence
from observatory.selfwatch import Selfwatch
from observatory.settings import Settings

_AT_ONCE = 2
_KEPT = 64
_MOST_PER_HOUR = 120
_HOUR_S = 3_600.0
_LONGEST_KEY = 4_096

_log = logging.getLogger(__name__)


class Insight:
    """Writes summaries.

    The same evidence is summarised once: the last 64 summaries are kept. A model is asked at most twice at once and
    120 times within an hour; beyond that the template writes.

    Args:
        endpoint: the model; None: the template writes.
        selfwatch: where answers and dropped sentences are counted.
        clock: for the bound on questions.
    """

    def __init__(self, endpoint: Endpoint | None, selfwatch: Selfwatch, clock: Clock) -> None:
        self._endpoint = endpoint
        self._selfwatch = selfwatch
        self._clock = clock
        self._turn = asyncio.Semaphore(_AT_ONCE)
        self._kept: OrderedDict[str, Summary] = OrderedDict()
        self._asked: list[float] = []

    @classmethod
    def of(cls, settings: Settings, selfwatch: Selfwatch, clock: Clock) -> Insight:
        """As the settings say.

        Raises:
            SettingsError: the file of the key cannot be read, or there is an address without a model.
        """
        if not settings.insight_url:
            return cls(None, selfwatch, clock)
        if not settings.insight_model:
            raise SettingsError("OBSERVATORY_INSIGHT_MODEL is needed where OBSERVATORY_INSIGHT_URL is set")
        key = _key(settings.insight_key_file) if settings.insight_key_file else ""
        endpoint = Endpoint(settings.insight_url, settings.insight_model, key, settings.insight_timeout_s)
        return cls(endpoint, selfwatch, clock)

    async def summarise(self, subject: str, verdict: str, evidence: Sequence[Evidence]) -> Summary:
        """What the evidence says. Never fails: where the model does, the template writes and says why."""
        if self._endpoint is None or not evidence:
            return write(subject, verdict, evidence)
        name = _digest(subject, verdict, evidence)
        if name in self._kept:
            self._kept.move_to_end(name)
            return self._kept[name]
        try:
            told = await self._model(self._endpoint, subject, verdict, evidence)
        except Unanswered as error:
            _log.warning("no summary by the model: %s", error)
            self._selfwatch.insight_answers.labels("failed").inc()
            return write(subject, verdict, evidence, str(error))
        self._kept[name] = told
        if len(self._kept) > _KEPT:
            self._kept.popitem(last=False)
        return told

    async def _model(self, endpoint: Endpoint, subject: str, verdict: str, evidence: Sequence[Evidence]) -> Summary:
        async with self._turn:
            self._expect_room()
            given = await endpoint.ask(subject, verdict, evidence)
        known = {each.id: each for each in evidence}
        held = [(each, check(each.text, each.evidence, known, verdict, subject)) for each in given]
        dropped = Counter(str(why) for _, why in held if why is not None)
        for why, times in dropped.items():
            self._selfwatch.insight_dropped.labels(why).inc(times)
        kept = [Sentence(each.text, tuple(dict.fromkeys(each.evidence))) for each, why in held if why is None]
        if not kept:
            raise Unanswered("nothing that the model said could be held against the evidence")
        self._selfwatch.insight_answers.labels("kept").inc()
        return Summary(subject, kept, endpoint.model, dict(dropped))

    def _expect_room(self) -> None:
        now = self._clock.monotonic()
        self._asked = [each for each in self._asked if now - each < _HOUR_S]
        if len(self._asked) >= _MOST_PER_HOUR:
            raise Unanswered(f"the model was asked {_MOST_PER_HOUR} times within an hour")
        self._asked.append(now)


def _key(path: Path) -> str:
    try:
        text = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "not text"
        raise SettingsError(f"OBSERVATORY_INSIGHT_KEY_FILE = {path}: {why}") from None
    if not text or len(text) > _LONGEST_KEY or not text.isprintable() or not text.isascii():
        raise SettingsError(f"OBSERVATORY_INSIGHT_KEY_FILE = {path}: one line with the key is expected")
    return text


def _digest(subject: str, verdict: str, evidence: Sequence[Evidence]) -> str:
    told = [subject, verdict, *(repr(each) for each in evidence)]
    return hashlib.blake2b(json.dumps(told).encode(), digest_size=16).hexdigest()
