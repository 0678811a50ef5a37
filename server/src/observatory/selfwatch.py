"""The product's own counters: what it took in, refused, dropped, and how long its own work took."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Selfwatch:
    """Counters on a registry of their own, so that two servers in one process do not mix."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.bodies = self._counter("bodies", "Bodies acknowledged.", "signal", "transport")
        self.body_bytes = self._counter("body_bytes", "Unpacked bytes of bodies acknowledged.", "signal")
        self.duplicates = self._counter(
            "duplicate_bodies", "Identical bodies acknowledged, not stored again.", "signal"
        )
        self.refusals = self._counter("refused_bodies", "Bodies refused, by reason.", "signal", "reason")
        self.rejections = self._counter("rejected_items", "Spans, points or records rejected.", "signal", "reason")
        self.rows = self._counter("rows", "Spans, points or records stored.", "signal")
        self.commits = self._counter("commits", "Group commits.", "signal")
        self.commit_failures = self._counter("commit_failures", "Commits that the store refused.", "signal")
        self.replays = self._counter("replayed_intents", "Open intents inserted again at start.", "signal")
        self.commit_s = self._histogram("commit_seconds", "Duration of a group commit.", "signal")
        self.acknowledge_s = self._histogram("acknowledge_seconds", "From body read to acknowledged.", "signal")
        self.queue_bytes = self._gauge("queue_bytes", "Bytes of bodies waiting or being committed.", "signal")
        self.tick_s = self._histogram("tick_seconds", "Duration of a round of indicators and health.")
        self.tick_failures = self._counter("tick_failures", "Area queries that failed.", "area")
        self.environments_dropped = self._counter(
            "dropped_environments", "Environments beyond the bound, left out of a round; each counts once a round."
        )
        self.leads = self._gauge("leads", "1 while this server evaluates, records and delivers; of several one does.")
        self.reads = self._counter("reads", "Reads of the telemetry store, by result.", "result")

        self.notifications = self._counter("notifications", "Attempts to send a message.", "channel", "outcome")
        self.mcp_s = self._histogram(
            "mcp_server_operation_duration_seconds", "Operations of agents.", "method", "tool", "error"
        )
        self.insight_answers = self._counter("insight_answers", "Summaries asked of a model, by result.", "result")
        self.insight_dropped = self._counter(
            "insight_dropped_sentences", "Sentences of a model that its evidence does not hold, by reason.", "reason"
        )
        self.messages_kept_back = self._counter("messages_kept_back", "Messages muted or dropped, by stage.", "stage")

    def _counter(self, name: str, sentence: str, *labels: str) -> Counter:
        return Counter(f"observatory_{name}", sentence, labels, registry=self.registry)

    def _gauge(self, name: str, sentence: str, *labels: str) -> Gauge:
        return Gauge(f"observatory_{name}", sentence, labels, registry=self.registry)

    def _histogram(self, name: str, sentence: str, *labels: str) -> Histogram:
        return Histogram(f"observatory_{name}", sentence, labels, buckets=_SECONDS, registry=self.registry)
