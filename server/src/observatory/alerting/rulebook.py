"""The rules in force: those shipped, those in files of the server, one's own, and what was changed about them."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from observatory.alerting import decode, files
from observatory.alerting.fields import Known, RuleError
from observatory.alerting.files import FileRefused, Written
from observatory.alerting.rule import Origin, Rule
from observatory.clock import Clock
from observatory.errors import InvalidRequest, NotFound
from observatory.state import RuleRecord, State

_log = logging.getLogger(__name__)
MOST_OWN = 1_000


@dataclass(frozen=True, slots=True)
class InForce:
    """One rule in force.

    Attributes:
        written: the rule, its entry as a whole, and where that stands.
        change: what was changed about it, as in a rule file; empty when nothing was.
        record: who brought it into force as it is; None of a shipped or a file's rule.
    """

    written: Written
    change: Mapping[str, Any]
    record: RuleRecord | None

    @property
    def rule(self) -> Rule:
        """The rule."""
        return self.written.rule


@dataclass(frozen=True, slots=True)
class Refused:
    """What could not be taken: a file with its line, or a text of the control store."""

    place: str
    line: int
    reason: str
    at: datetime


class Rulebook:
    """Keeps the rules in force and changes them.

    Args:
        known: what rules may name.
        state: where own rules and changes are kept.
        clock: when something comes into force.
        folder: files of one's own; None: there are none.
    """

    def __init__(self, known: Known, state: State, clock: Clock, folder: Path | None = None) -> None:
        self.known = known
        self._state = state
        self._clock = clock
        self._folder = folder
        self._shipped = files.shipped(known)
        self._files: tuple[Written, ...] = ()
        self._stamp: object = None
        self._records: Sequence[RuleRecord] = ()
        self._refused_file: Refused | None = None
        self._refused_records: tuple[Refused, ...] = ()
        self._in_force: Mapping[str, InForce] = {}
        self._rules: tuple[Rule, ...] = ()
        self._compose()

    @property
    def rules(self) -> tuple[Rule, ...]:
        """The rules in force, those that are switched off too."""
        return self._rules

    @property
    def in_force(self) -> Mapping[str, InForce]:
        """The rules in force by id, with where they come from."""
        return self._in_force

    @property
    def refused(self) -> tuple[Refused, ...]:
        """What could not be taken at the last reading."""
        return (*([self._refused_file] if self._refused_file else []), *self._refused_records)

    async def load(self) -> None:
        """Read the files and the control store.

        Raises:
            StateError: the control store failed.
        """
        self.reread()
        async with self._state.reading() as rows:
            self._records = await rows.rules.living()
        self._compose()

    def reread(self) -> bool:
        """Read the files again when one of them has changed; whether the rules in force are others now.

        A file that cannot be taken is refused, and the rules of before stay.
        """
        stamp = self._seen()
        if stamp == self._stamp:
            return False
        self._stamp = stamp
        try:
            found = files.read(self._folder, self.known) if self._folder is not None and self._folder.is_dir() else ()
            self._refuse_twice(found)
        except FileRefused as error:
            _log.error("a file of rules was refused, those before it stay in force: %s", error)
            self._refused_file = Refused(error.file, error.line, error.reason, self._clock.now())
            return False
        now = self._clock.now()
        before = {each.rule.id: each for each in self._files}
        self._files = tuple(_dated(each, before.get(each.rule.id), now) for each in found)
        self._refused_file = None
        self._compose()
        return True

    async def create(self, entry: Mapping[str, Any], actor: str, reason: str) -> InForce:
        """Bring a rule of one's own into force.

        Raises:
            RuleError: it cannot be taken.
            InvalidRequest: there is one with this id, or there are too many.
        """
        rule = decode.rule(entry, self.known, Origin.OWN)
        if rule.id in self._in_force:
            raise InvalidRequest(f"id: there is a rule {rule.id} already; change it with PUT")
        if sum(each.kind == "own" for each in self._records) >= MOST_OWN:
            raise InvalidRequest(f"there are {MOST_OWN} own rules already")
        return await self._put(rule.id, "own", entry, actor, reason, "rule.created")

    async def change(self, rule_id: str, entry: Mapping[str, Any], actor: str, reason: str) -> InForce:
        """Give an own rule another text, or change a shipped or a file's one in the fields that `entry` names.

        Raises:
            RuleError: it cannot be taken.
            NotFound: there is no such rule.
        """
        found = self._find(rule_id)
        if found.record is not None and found.record.kind == "own":
            if entry.get("id", rule_id) != rule_id:
                raise RuleError("id: must be the one in the path", "id")
            whole = {**entry, "id": rule_id}
            decode.rule(whole, self.known, Origin.OWN)
            return await self._put(rule_id, "own", whole, actor, reason, "rule.changed")
        base = self._base()[rule_id]
        decode.rule(decode.changed(base.entry, entry), self._trusting(base))
        return await self._put(rule_id, "override", entry, actor, reason, "rule.overridden")

    async def remove(self, rule_id: str, actor: str, reason: str) -> None:
        """End an own rule, or what was changed about another.

        Raises:
            NotFound: there is no such rule.
            InvalidRequest: it is shipped or a file's, and nothing was changed about it.
        """
        found = self._find(rule_id)
        if found.record is None:
            raise InvalidRequest(
                f"rule_id: {rule_id} stands in {found.written.place}, which is not changed here; switch it off with PUT"
            )
        now = self._clock.now()
        action = "rule.deleted" if found.record.kind == "own" else "rule.restored"
        async with self._state.writing() as rows:
            await rows.rules.end(rule_id, actor, now)
            await rows.audit.insert(actor, action, f"rule:{rule_id}"[:160], reason, now)
            self._records = await rows.rules.living()
        self._compose()

    def export(self) -> list[dict[str, Any]]:
        """Own rules as entries of a rule file, and shipped ones that were changed as they are in force."""
        kept = (each for each in self._in_force.values() if each.record is not None)
        return [dict(each.written.entry) for each in kept]

    async def _put(
        self, rule_id: str, kind: str, entry: Mapping[str, Any], actor: str, reason: str, action: str
    ) -> InForce:
        now = self._clock.now()
        async with self._state.writing() as rows:
            await rows.rules.put(rule_id, kind, entry, actor, reason, now)
            await rows.audit.insert(actor, action, f"rule:{rule_id}"[:160], reason, now)
            self._records = await rows.rules.living()
        self._compose()
        return self._in_force[rule_id]

    def _find(self, rule_id: str) -> InForce:
        found = self._in_force.get(rule_id)
        if found is None:
            raise NotFound(f"no rule {rule_id[:160]!r}")
        return found

    def _base(self) -> dict[str, Written]:
        return {each.rule.id: each for each in (*self._shipped, *self._files)}

    def _trusting(self, base: Written) -> Known:
        # The question itself cannot be changed, so a changed rule may hold it as it stands on the disk.
        return replace(self.known, sql=base.rule.origin in (Origin.SHIPPED, Origin.FILE))

    def _compose(self) -> None:
        base = self._base()
        found = {rule_id: InForce(written, {}, None) for rule_id, written in base.items()}
        refused: list[Refused] = []
        for record in self._records:
            try:
                found[record.rule] = self._applied(base, record)
            except RuleError as error:
                # What it was about is gone with a new version: the rule stays as it is shipped.
                refused.append(Refused(f"control store, rule {record.rule}", record.id, str(error), self._clock.now()))
        self._in_force = found
        self._refused_records = tuple(refused)
        self._rules = tuple(each.rule for each in found.values())

    def _applied(self, base: Mapping[str, Written], record: RuleRecord) -> InForce:
        place = f"control store, by {record.created_by}"
        if record.kind == "own":
            if record.rule in base:
                raise RuleError("a shipped rule or a file's has this id now")
            rule = decode.rule(record.entry, self.known, Origin.OWN, record.since)
            return InForce(Written(rule, record.entry, place), {}, record)
        if record.rule not in base:
            raise RuleError("changes a rule that is no longer there")
        shipped = base[record.rule]
        entry = decode.changed(shipped.entry, record.entry)
        rule = decode.rule(entry, self._trusting(shipped), Origin.OVERRIDDEN, record.since)
        return InForce(Written(rule, entry, shipped.place), record.entry, record)

    def _refuse_twice(self, found: Iterable[Written]) -> None:
        taken = {each.rule.id: each.place for each in self._shipped}
        taken |= {each.rule: "the control store" for each in self._records if each.kind == "own"}
        for each in found:
            if each.rule.id in taken:
                file, _, line = each.place.rpartition(":")
                raise FileRefused(file, int(line), f"the rule {each.rule.id} stands in {taken[each.rule.id]} already")

    def _seen(self) -> object:
        if self._folder is None:
            return ()
        try:
            paths = sorted(path for path in self._folder.iterdir() if path.suffix in (".yaml", ".yml"))
            return tuple((path.name, path.stat().st_mtime_ns, path.stat().st_size) for path in paths)
        except OSError as error:
            return str(error)


def _dated(written: Written, before: Written | None, now: datetime) -> Written:
    """The rule with the time since when it is in force as it is."""
    same = before is not None and before.entry == written.entry
    since = before.rule.since if before is not None and same else now
    return replace(written, rule=replace(written.rule, since=since))
