"""One call of a wrapped method: its entry span, the facts it tells, and how it ended."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar, Token
from types import TracebackType
from typing import Any, Self

from opentelemetry import trace

from observatory_sdk import clock, frame
from observatory_sdk.attach.mapping import Detail, Mapped, items
from observatory_sdk.attach.outcome import Rule, judge, suspects
from observatory_sdk.attach.paths import ABSENT, Call, Path, plain, read
from observatory_sdk.calls import ServiceCall, Steps
from observatory_sdk.conventions import common
from observatory_sdk.facts.span_fact import SpanFact
from observatory_sdk.guard import Guard

MAX_CHAIN = 16
_GUARD = Guard("attach")
_USER = common.USER_ID.name
_NONE: Mapping[str, object] = {}
_BARE = frozenset({type(None), bool, int, float, str, bytes})
_MRO_OF = type.__dict__["__mro__"].__get__
_OPEN: ContextVar[Entry | None] = ContextVar("observatory-attach-open", default=None)


class Seam:
    """Where one method of a service is wrapped, and all that is known of it before it is called.

    `bound`: its first argument is the object, or the class, that it belongs to.
    """

    def __init__(
        self,
        service: str,
        operation: str,
        method: str,
        bound: bool,
        rules: tuple[Rule, ...] = (),
        mapped: tuple[Mapped, ...] = (),
        user: tuple[Path, ...] = (),
    ) -> None:
        self.service = service
        self.operation = operation
        self.key = (service, method)
        self.bound = bound
        self.rules = rules
        self.mapped = mapped
        self.user = user
        self.asks = True
        self.names: tuple[str, ...] = ()
        self.defaults: Mapping[str, object] = _NONE

    def learn(self, function: Callable[..., Any]) -> None:
        """Take the names of the arguments from the function."""
        try:
            found = list(inspect.signature(function).parameters.values())
        except (TypeError, ValueError):
            # The host has written a signature on it that is none: the call is still one.
            found = []
        plain_ones = [each for each in found if each.kind in (each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD)]
        self.names = tuple(each.name for each in plain_ones)
        self.defaults = {each.name: each.default for each in found if each.default is not each.empty}
        known = {each.name for each in found}
        self.user = tuple(path for path in self.user if path.steps[0] in known)
        asked = [path for rule in self.rules for path in rule.paths() if path.root != "result"]
        self.asks = any(path.root == "self" or path.steps[0] in known for path in asked)

    def opened(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Entry:
        """The call that begins."""
        return Entry(self, args, kwargs)

    def inside(self, args: tuple[Any, ...]) -> bool:
        """Whether this is the same call already: an overridden method that goes on to the one it overrides."""
        found = _OPEN.get()
        if found is None or not self.bound or not args:
            return False
        for _ in range(MAX_CHAIN):
            # The same seam once more is a method that calls itself, which is an inner span.
            if found.seam is not self and found.seam.key == self.key and found.instance is args[0]:
                return True
            if found.outer is None:
                return False
            found = found.outer
        return False

    def call(self, args: tuple[Any, ...], kwargs: Mapping[str, Any], result: object = ABSENT) -> Call:
        """What paths are read from."""
        named = {**self.defaults, **dict(zip(self.names, args, strict=False)), **kwargs}
        return Call(named, args[0] if self.bound and args else None, result)


class Inherited:
    """Where a method of a base class is wrapped for classes that inherit it: whose call it is, its object tells.

    A copy in the class that inherits would stand before a method that another base of a class further down overrides.
    """

    def __init__(self, function: Callable[..., Any], of_class: bool) -> None:
        self._function = function
        self._of_class = of_class
        # By their ids: a metaclass may have a `__hash__` of its own. The classes are kept so that ids stay theirs.
        self._seams: dict[int, tuple[type, Seam]] = {}

    def knows(self, owner: type) -> bool:
        """Whether calls of this class's objects are opened."""
        return id(owner) in self._seams

    def add(self, owner: type, seam: Seam) -> None:
        """Open calls of this class's objects."""
        seam.learn(self._function)
        self._seams[id(owner)] = (owner, seam)

    def learn(self, function: Callable[..., Any]) -> None:
        """As a seam's; what is known is known from `add`."""

    def opened(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Entry:
        """The call that begins; only where `inside` says no."""
        found = self._of(args)
        assert found is not None  # nothing is ever taken out
        return found.opened(args, kwargs)

    def inside(self, args: tuple[Any, ...]) -> bool:
        """Whether this is the same call already, or no call of a service's."""
        found = self._of(args)
        return found is None or found.inside(args)

    def _of(self, args: tuple[Any, ...]) -> Seam | None:
        if not args:
            return None
        for kind in _MRO_OF(args[0] if self._of_class else type(args[0])):
            found = self._seams.get(id(kind))
            if found is not None:
                return found[1]
        return None


class Entry(ServiceCall):
    """The entry span of one call."""

    # Here, not in the constructor: most calls never set them.
    outer: Entry | None = None
    _result: object = ABSENT
    _ended: str | None = None
    _stepwise = False
    _facts: Sequence[tuple[Mapped, SpanFact]] = ()
    _started_ns = 0
    _mark: Token[Entry | None] | None = None

    def __init__(self, seam: Seam, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        super().__init__(seam.service, seam.operation, trace.SpanKind.INTERNAL)
        self.seam = seam
        self.instance = args[0] if seam.bound and args else None
        self._args = args
        self._kwargs = kwargs

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace_back: TracebackType | None
    ) -> None:
        if self.seam.mapped and self._opened is not None:
            self._tell(error)
        super().__exit__(kind, error, trace_back)

    def steps(self) -> Steps[Self]:
        self._stepwise = True
        return super().steps()

    def returned(self, result: object) -> None:
        """Read from what the call returns how it ended."""
        opened = self._opened
        if opened is None:
            return
        seam = self.seam
        self._result = result
        # What holds no fields tells nothing.
        if seam.rules and type(result) not in _BARE:
            try:
                rules = suspects(seam.rules, result)
                if rules:
                    self._judge(opened[0], seam, rules)
            except Exception as error:
                _GUARD.caught(error)

    def _judge(self, span: trace.Span, seam: Seam, rules: Sequence[Rule]) -> None:
        call = Call(_NONE, None, self._result)
        if seam.asks:
            call = seam.call(self._args, self._kwargs, self._result)
        found = judge(rules, call)
        if found is not None:
            self._ended = found[0]
            # What the host said itself by `outcome` stands.
            if common.OUTCOME.name not in (getattr(span, "attributes", None) or ()):
                frame.mark(span, *found)

    def _enter(self, frame_id: int) -> None:
        super()._enter(frame_id)
        if self.seam.mapped and self._opened is not None:
            try:
                self._begin_facts()
            except Exception as error:
                _GUARD.caught(error)

    def _open(self) -> None:
        if self.seam.mapped:
            self._started_ns = clock.now_ns()
        super()._open()

    def _found(self) -> frame.Frame:
        found = frame.current()
        if self.seam.user and _USER not in found.carried:
            user = self._user()
            if user is not None:
                # Not as baggage: a host's own ids go no further than its own process unless it says so.
                return found.with_carried({_USER: user})
        return found

    def _user(self) -> str | None:
        call = self.seam.call(self._args, self._kwargs)
        for path in self.seam.user:
            found = plain(read(path, call))
            if type(found) in (str, int) and found != "":
                return str(found)[: frame.MAX_CARRIED]
        return None

    def _attach(self) -> None:
        super()._attach()
        if self._opened is not None:
            outer = _OPEN.get()
            self.outer = None if outer is None or outer.instance is None else outer
            self._mark = _OPEN.set(self)

    def _detach(self) -> None:
        mark, self._mark = self._mark, None
        if mark is None or _OPEN.get() is not self:
            # Ended from another context, as a coroutine that nobody finished: nothing of ours is at work here.
            self._token = None
            return
        _OPEN.reset(mark)
        super()._detach()

    def _close(self, error: BaseException | None) -> None:
        if self._stepwise and self.seam.mapped and self._opened is not None:
            self._attach()
            self._tell(error)
            self._detach()
        super()._close(error)
        # A task that was made inside remembers this call: it must not keep what belongs to it alive.
        self.instance = self.outer = None
        self._args, self._kwargs, self._result, self._facts = (), _NONE, ABSENT, ()

    def _begin_facts(self) -> None:
        self._facts = opened = []
        for mapped in self.seam.mapped:
            if mapped.around() and not self._told_above(mapped):
                # Its fields are known when the call is over; the constructor wants those it cannot do without.
                kind: Any = mapped.make
                fact: SpanFact = kind.__new__(kind)
                fact.__enter__()
                opened.append((mapped, fact))

    def _told_above(self, mapped: Mapped) -> bool:
        """Whether a call further out tells of the same thing, as `execute` that goes on to `execute_live`."""
        found = self.outer
        for _ in range(MAX_CHAIN):
            if found is None:
                return False
            if any(fact.name == mapped.name for fact, _ in found._facts):
                return True
            found = found.outer
        return False

    def _tell(self, error: BaseException | None) -> None:
        with _GUARD:
            call = self.seam.call(self._args, self._kwargs, self._result)
            end = self._ended or ("success" if error is None else "error")
            for mapped, fact in reversed(self._facts):
                self._end_fact(mapped, fact, call, end, error)
            for mapped in self.seam.mapped:
                if end in mapped.after and (self._stepwise or not mapped.around()):
                    for each in mapped.calls(call):
                        self._tell_one(mapped, each)

    def _end_fact(self, mapped: Mapped, fact: SpanFact, call: Call, end: str, error: BaseException | None) -> None:
        with _GUARD:
            values = mapped.values(call)
            mapped.lacks(values)
            if end in ("failure", "partial", "simulated"):
                values.setdefault("outcome", end)
            fact.__dict__.update(values)
            _detail(fact, mapped.details, call)
        fact.__exit__(None if error is None else type(error), error, None)

    def _tell_one(self, mapped: Mapped, call: Call) -> None:
        with _GUARD:
            values = mapped.values(call)
            if mapped.lacks(values):
                return
            made = mapped.make(**values)
            if mapped.span:
                _detail(made, mapped.details, call)
                made.record(start_unix_nano=self._started_ns, end_unix_nano=clock.now_ns())


def _detail(fact: Any, details: tuple[Detail, ...], call: Call) -> None:
    for detail in details:
        for each in (call,) if detail.each is None else items(detail.each, call):
            values = {name: field.value(each) for name, field in detail.fields.items()}
            with _GUARD:
                getattr(fact, detail.method)(**{name: value for name, value in values.items() if value is not None})
