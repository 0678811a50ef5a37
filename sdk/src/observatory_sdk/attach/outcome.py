"""How a call ended in business terms, read from what it returned: the platform's handlers swallow exceptions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from observatory_sdk.attach.paths import ABSENT, Call, Path, plain, read

MAX_REASON = 200
# Worst first: a failure inside a simulation is a failure.
OUTCOMES = ("failure", "simulated", "partial")


@dataclass(frozen=True, slots=True)
class Rule:
    """What stands at `path` tells `outcome`, unless `unless` holds; `reasons` are tried for a text that says why.

    `test` is one of `TESTS`, `operand` what it compares with.
    """

    outcome: str
    path: Path
    test: str
    operand: object
    reasons: tuple[Path, ...] = ()
    unless: Rule | None = None
    # The name in the result that must be there for the rule to hold: most results have few of those that rules ask for.
    key: str | int | None = field(init=False)
    # What stands there must pass this; None when the path goes on below it.
    check: Callable[[object, object], bool] | None = field(init=False)

    def __post_init__(self) -> None:
        own = self.path.root == "result" and self.path.steps
        object.__setattr__(self, "key", self.path.steps[0] if own else None)
        object.__setattr__(self, "check", TESTS[self.test] if own and len(self.path.steps) == 1 else None)

    def paths(self) -> tuple[Path, ...]:
        """Everything it looks at."""
        return (self.path, *self.reasons, *(() if self.unless is None else self.unless.paths()))

    def holds(self, call: Call) -> bool:
        """Whether this rule says so of the call."""
        found = read(self.path, call)
        if found is ABSENT or not TESTS[self.test](plain(found), self.operand):
            return False
        return self.unless is None or not self.unless.holds(call)


def suspects(rules: Sequence[Rule], result: object) -> Sequence[Rule]:
    """The rules that may hold, at first sight: most calls end well, and then nothing more is read of them."""
    if type(result) is not dict:
        return rules
    found = []
    for rule in rules:
        key, check = rule.key, rule.check
        if key is None or (key in result and (check is None or check(plain(result[key]), rule.operand))):
            found.append(rule)
    return found


def judge(rules: Iterable[Rule], call: Call) -> tuple[str, str | None] | None:
    """The worst outcome that a rule finds, and why; None when all is well as far as the rules can tell."""
    found: Rule | None = None
    for rule in rules:
        if rule.holds(call) and (found is None or OUTCOMES.index(rule.outcome) < OUTCOMES.index(found.outcome)):
            found = rule
    return None if found is None else (found.outcome, _reason(found, call))


def _reason(rule: Rule, call: Call) -> str | None:
    for path in rule.reasons:
        text = plain(read(path, call))
        if isinstance(text, str) and text:
            return text[:MAX_REASON]
    return None


def _equals(found: object, operand: object) -> bool:
    # `1 == True`: a count is no flag. Only plain values are compared, whose `==` is Python's own.
    return type(found) is type(operand) and found == operand


def _one_of(found: object, operand: object) -> bool:
    return isinstance(operand, tuple) and any(_equals(found, each) for each in operand)


def _none_of(found: object, operand: object) -> bool:
    return isinstance(operand, tuple) and not _one_of(found, operand)


def _not_empty(found: object, operand: object) -> bool:
    filled = type(found) in (str, bytes, list, tuple, dict, set) and bool(found)
    return filled is operand


def _starts_with(found: object, operand: object) -> bool:
    return type(found) is str and isinstance(operand, str) and found.startswith(operand)


TESTS: dict[str, Callable[[object, object], bool]] = {
    "equals": _equals,
    "one_of": _one_of,
    "none_of": _none_of,
    "not_empty": _not_empty,
    "starts_with": _starts_with,
}
