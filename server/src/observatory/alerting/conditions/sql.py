"""A question to the facts, from a file on the server's disk: each row that comes back is a member that is bad."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from string import Template
from typing import Any, ClassVar

from observatory.alerting.fields import Fields
from observatory.alerting.rule import Observation, Rule, Verdict
from observatory.alerting.scene import Row, Scene
from observatory.health import words
from observatory.model import Bound, Measurement

_SOURCE = re.compile(r"\b(?:fact_\w+|otel_\w+|rollup_\w+|indicator_history)\b")
_PLACEHOLDER = re.compile(r"\$(\w+)")
# Strings and comments in the order in which they stand: a quote in a comment opens no string, nor the other way round.
_ASIDE = re.compile(r"'(?:[^'\\]|\\.|'')*'|--[^\n]*|#[^\n]*|/\*.*?\*/", re.DOTALL)
# A quoted name may spell a function in a way that nobody finds.
_QUOTED_CALL = re.compile(r"[`\"]\s*\(")
# Nothing of this belongs into a question about facts. The connection refuses most of it; but `file()` as a plain
# function reads the server's disk even on a connection that may only read.
_FORBIDDEN = frozenset(
    (
        *("file", "url", "remote", "remotesecure", "executable", "executablepool", "s3", "s3cluster", "gcs"),
        *("cosn", "oss", "hdfs", "azureblobstorage", "mysql", "postgresql", "mongodb", "redis", "sqlite"),
        *("odbc", "jdbc", "cluster", "clusterallreplicas", "filecluster", "urlcluster", "deltalake"),
        *("iceberg", "hudi", "paimon", "arrowflight", "ytsaurus", "python", "input", "merge", "dictionary"),
        *("loop", "sleep", "sleepeachrow", "getserversetting", "filesystemavailable", "filesystemcapacity"),
        *("filesystemunreserved", "catboostevaluate", "mergetreeindex", "mergetreeprojection", "view"),
        *("viewifpermitted", "generaterandom", "numbers", "numbers_mt", "zeros", "zeros_mt", "fuzzjson"),
        "fuzzquery",
    )
)
_CALL = re.compile(r"\b(\w+)\s*\(")
_WORDS = re.compile(
    r"\b(system|information_schema)[`\"]?\s*\.|\b(outfile|settings|format|insert|alter|drop|create|attach)\b",
    re.IGNORECASE,
)
WORDS = ("now", "listening")


@dataclass(frozen=True, slots=True)
class Sql:
    """Bad while the question brings a row for the member.

    Attributes:
        query: one SELECT with the columns `environment` and `member`, and if wanted `value`, `samples`, `evidence` (a
            list), `services` (a list) and others that the sentence names. `$now` stands for the time.
        says: the sentence, with `$column` for a row's columns.
        unit: of `value`.
        bound: what `value` must be beyond for the row to be bad; None: every row is.
        window_s: seconds that the question looks back, for people.
        every_s: seconds between two questions.
        tables: what it reads; after a commit into one of them it is asked at once.
    """

    kind: ClassVar[str] = "sql"
    absent: ClassVar[Verdict] = Verdict.GOOD
    query: str
    says: str
    unit: str
    bound: Bound | None
    window_s: float
    every_s: float
    tables: tuple[str, ...]

    @classmethod
    def decode(cls, fields: Fields) -> Sql:
        """From `query`, `says`, `unit`, `bound`, `window`, `every`.

        Raises:
            RuleError: the rule does not come from the server's disk, or the question is none that may be asked.
        """
        if not fields.known.sql:
            raise fields.refuse("kind", "rules with SQL come only from files on the server's disk")
        query = fields.text("query", most=20_000).rstrip("; \n")
        check(fields, query)
        return cls(
            query=query,
            says=fields.text("says"),
            unit=fields.text("unit", "1", 16),
            bound=fields.bound("bound"),
            window_s=fields.seconds("window", 300),
            every_s=fields.seconds("every", 0),
            tables=tuple(dict.fromkeys(_SOURCE.findall(query))),
        )

    def observe(self, rule: Rule, scene: Scene) -> Iterable[Observation] | None:
        """One observation for each row."""
        rows = scene.rows.get(rule.id)
        return None if rows is None else [self._observe(rule, scene, row) for row in rows]

    def _observe(self, rule: Rule, scene: Scene, row: Row) -> Observation:
        value = row.get("value")
        samples = int(row.get("samples") or 1)
        judged = self.bound is None or (value is not None and self.bound.broken_by(value))
        bound = "" if self.bound is None else words.bound(self.bound, self.unit, rule.severity.value)
        measured = Measurement(
            value, self.unit, samples, round(self.window_s), scene.at, ", ".join(self.tables) or "facts"
        )
        return Observation(
            environment=scene.environment,
            rule=rule.id,
            member=str(row.get("member") or ""),
            verdict=Verdict.BAD if judged else Verdict.NO_DATA if value is None else Verdict.GOOD,
            sentence=Template(self.says).safe_substitute({name: _told(each) for name, each in row.items()}),
            measurement=measured,
            bound=bound,
            area=rule.area,
            services=_texts(row.get("services")),
            evidence=_texts(row.get("evidence")),
        )


def check(fields: Fields, query: str) -> None:
    """Refuse what is no plain question about facts.

    Raises:
        RuleError: naming what may not stand in it.
    """
    bare = _ASIDE.sub(lambda found: "''" if found[0].startswith("'") else " ", query)
    if not re.match(r"\s*(select|with)\b", bare, re.IGNORECASE) or ";" in bare:
        raise fields.refuse("query", "must be one SELECT")
    call = next((name for name in _CALL.findall(bare) if name.lower() in _FORBIDDEN), None)
    if call or _QUOTED_CALL.search(bare):
        told = f"the function {call}()" if call else "a function by a quoted name"
        raise fields.refuse("query", f"{told} may not be used: rules read facts only")
    word = _WORDS.search(bare)
    if word:
        raise fields.refuse("query", f"{word[0].strip()!r} may not stand in it: rules read facts only")
    unknown = sorted(set(_PLACEHOLDER.findall(bare)) - set(WORDS))
    if unknown:
        raise fields.refuse("query", f"${unknown[0]} is not known; there are {', '.join(WORDS)}")
    if not _SOURCE.search(bare):
        raise fields.refuse("query", "must read a table of facts (fact_*, otel_*, rollup_*, indicator_history)")


def _told(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    return words.number(value, "1") if isinstance(value, int | float) else str(value)


def _texts(value: Any) -> tuple[str, ...]:
    return tuple(str(each) for each in value if each)[:20] if isinstance(value, list | tuple) else ()
