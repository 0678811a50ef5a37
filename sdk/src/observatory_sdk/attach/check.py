"""`observatory-attach --check`: the bindings held against the installed platform, whose code is read and never run."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from observatory_sdk.attach.bindings import Binding, Bindings, Target
from observatory_sdk.attach.mapping import Mapped
from observatory_sdk.attach.paths import Path
from observatory_sdk.attach.sources import Import, Method, Source, Sources

REACHES = {True: "imported at start", False: "imported later, in a function", None: "never imported"}


@dataclass(frozen=True, slots=True)
class Found:
    """A target as it is installed. `reach`: imported with the entry at once, later, or never (None).

    `methods`: those that the bindings take; None where the text does not tell. `missing`: why none are wrapped.
    """

    binding: Binding
    target: Target
    reach: bool | None = None
    methods: Mapping[str, Method] | None = None
    missing: str | None = None

    def own(self, others: Collection[str]) -> list[str]:
        """The methods that are counted here: not those that it inherits from another target, which has them."""
        mine = str(self.target)
        return [name for name, each in (self.methods or {}).items() if each.home == mine or each.home not in others]


@dataclass(frozen=True, slots=True)
class Report:
    """What a check found.

    `unmet`: what the bindings say of methods that these are not, by service. `unknown`: imports of names that do not
    exist, with the module that has them.
    """

    bindings: Bindings
    entry: str | None
    found: tuple[Found, ...]
    unmet: tuple[tuple[str, str], ...]
    unknown: tuple[tuple[str, Import, str], ...]

    @property
    def failed(self) -> bool:
        """Whether something is missing that should be there."""
        return bool(self.unmet) or any(each.missing and not each.binding.optional for each in self.found)

    def lines(self) -> Iterator[str]:
        """The report for people. What has to be done about it stands last."""
        yield from self._targets()
        if self.entry is not None:
            yield from self._never(self.entry)
        yield from self._imports()
        assumed = [(binding.service, place) for binding in self.bindings.services for place in binding.assumed]
        note = "nothing there leaves the field unknown, and is counted"
        yield from _table(f"Places that facts are read from and nobody has seen: {len(assumed)}; {note}", assumed)
        yield from _table(f"Methods and arguments that are bound and not in the code: {len(self.unmet)}", self.unmet)
        gone = [(each.binding.service, f"{each.missing}{_pardon(each)}") for each in self.found if each.missing]
        yield from _table(f"Targets that are not there: {len(gone)}", gone)
        yield from self._coverage()
        verdict = "something that is bound is not there, see above" if self.failed else "all that is bound is there"
        yield f"Exit status {int(self.failed)}: {verdict}."

    def _targets(self) -> Iterator[str]:
        yield f"Services of {self.bindings.platform} and their code"
        width = max((len(each.service) for each in self.bindings.services), default=0)
        for each in self.found:
            told = "missing" if each.missing else self._state(each)
            yield f"  {each.binding.service:<{width}}  {each.target}: {told}"
        for binding in self.bindings.services:
            if binding.shares is not None:
                yield f"  {binding.service:<{width}}  shares {binding.shares}, and is not counted again"

    def _state(self, found: Found) -> str:
        own = found.own({str(each.target) for each in self.found})
        inherited = len(found.methods or ()) - len(own)
        facts = sum(bool(found.binding.mapped(found.target.class_name, name)) for name in own)
        return (
            (_counted(len(own), "method") if found.methods is not None else "made while it runs")
            + (f" and {inherited} inherited from another target" if inherited else "")
            + (f", {facts} with facts" if facts else "")
            + (f", {REACHES[found.reach]}" if self.entry is not None else "")
            + (", outside the inventory" if found.binding.hub else "")
        )

    def _never(self, entry: str) -> Iterator[str]:
        never = [each for each in self.found if not each.missing and each.reach is None]
        note = "never_loaded, unless something else imports them"
        yield from _table(
            f"Never imported from {entry}: {len(never)}; their services stay {note}",
            [(each.binding.service, str(each.target)) for each in never],
        )

    def _imports(self) -> Iterator[str]:
        rows = [
            (f"{module}:{where.line}", f"{sentence}{' (inside try)' if where.guarded else ''}")
            for module, where, sentence in self.unknown
        ]
        yield from _table(f"Imports of names that do not exist: {len(rows)}", rows)

    def _coverage(self) -> Iterator[str]:
        inventory = [each for each in self.bindings.services if not each.hub]
        there = {each.binding.service for each in self.found if not each.missing}
        own = [each.service for each in inventory if each.service in there]
        shared = [each.service for each in inventory if each.shares in there]
        hubs = [each.service for each in self.bindings.services if each.hub and each.service in there]
        covered = f"Covered: {len(own) + len(shared)} of {_counted(len(inventory), 'service')} of the inventory"
        yield ""
        yield f"{covered} ({len(own)} by code of their own, {len(shared)} by another's), and {len(hubs)} outside it."
        for each in inventory:
            if each.service not in {*own, *shared}:
                yield f"  not covered: {each.service}: {self._why(each)}"

    def _why(self, binding: Binding) -> str:
        wanted = binding.shares or binding.service
        reasons = [each.missing for each in self.found if each.binding.service == wanted and each.missing]
        return f"{f'shares {wanted}, and ' if binding.shares else ''}{'; '.join(reasons)}"


def check(bindings: Bindings, path: Sequence[str], entry: str | None = None) -> Report:
    """Hold the bindings against the sources along a path of folders; `entry`: the module that starts the platform."""
    packages = (*bindings.packages, *([] if entry is None else [entry.partition(".")[0]]))
    sources = Sources(path, packages)
    reached = {} if entry is None else sources.reach(entry)
    found = tuple(_found(sources, binding, target, reached) for binding, target in bindings.targets())
    unmet = [(binding.service, line) for binding in bindings.services for line in _unmet(binding, found)]
    if entry is not None and sources.find(entry) is None:
        unmet.append((entry, "there is no such module to start from"))
    modules = dict.fromkeys([*reached, *(each.target.module for each in found)])
    unknown = tuple((module, *each) for module in modules for each in sources.unknown(module))
    return Report(bindings, entry, found, tuple(unmet), unknown)


def _found(sources: Sources, binding: Binding, target: Target, reached: Mapping[str, bool]) -> Found:
    reach = reached.get(target.module)
    source = sources.find(target.module)
    if source is None:
        return Found(binding, target, missing=f"there is no module {target.module}")
    if source.broken is not None:
        return Found(binding, target, reach, missing=f"{target.module} cannot be read: {source.broken}")
    methods = source.functions if target.owner is None else sources.methods(target.module, target.owner)
    if methods is None:
        return Found(binding, target, reach, missing=_absent(source, target))
    taken = {name: method for name, method in methods.items() if binding.takes(target.class_name, name)}
    missing = None if taken else f"{target} has no method that the bindings take"
    return Found(binding, target, reach, taken, missing)


def _absent(source: Source, target: Target) -> str | None:
    first = (target.owner or "").partition(".")[0]
    if first in source.names and first not in source.classes:
        return f"{target.module} has {first}, which is no class in its text"
    # What is made while the module runs cannot be told from its text: attaching will tell.
    return None if source.open else f"{target.module} has no {target.owner}"


def _unmet(binding: Binding, found: Iterable[Found]) -> Iterator[str]:
    """What the bindings say of methods, and is not so. A service that lacks a target is told of already."""
    mine = [each for each in found if each.binding is binding]
    if binding.optional or any(each.methods is None for each in mine):
        return
    named = [name for name in binding.methods if not set(name) & set("*?[")]
    for name in dict.fromkeys([*named, *binding.facts]):
        methods = [method for each in mine for method in _named(each, name)]
        if not methods:
            yield f"there is no method {name}"
        for mapped in binding.facts.get(name, ()):
            for method in methods:
                yield from _untaken(mapped, method)


def _named(found: Found, name: str) -> Iterator[Method]:
    owner, _, method = name.rpartition(".")
    if found.methods and method in found.methods and owner in ("", found.target.class_name):
        yield found.methods[method]


def _untaken(mapped: Mapped, method: Method) -> Iterator[str]:
    """Fields that can only be read from arguments that the method does not take."""
    for name, field in mapped.fields.items():
        if field.paths and not any(_may_be(path, method) for path in field.paths):
            lost = " or ".join(str(path) for path in field.paths)
            yield f"{method.name} does not take {lost}, for {name} of {mapped.name}"


def _may_be(path: Path, method: Method) -> bool:
    return path.root != "args" or method.any_name or path.steps[0] in method.parameters


def _pardon(found: Found) -> str:
    return " (optional)" if found.binding.optional else ""


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _table(head: str, rows: Sequence[tuple[str, str]]) -> Iterator[str]:
    width = max((len(name) for name, _ in rows), default=0)
    yield ""
    yield head
    yield from (f"  {name:<{width}}  {text}" for name, text in rows)
