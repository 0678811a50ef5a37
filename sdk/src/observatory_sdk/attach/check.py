"""`observatory-attach --check`: the bindings held against the installed platform, whose code is read and never run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from observatory_sdk.attach.bindings import Binding, Bindings, Target
from observatory_sdk.attach.sources import Sources

REACHES = {True: "at start", False: "later", None: "never"}


@dataclass(frozen=True, slots=True)
class Found:
    """A target as it is installed. `reach`: imported with the entry at once, later, or never (None)."""

    binding: Binding
    target: Target
    missing: str | None
    methods: int
    reach: bool | None


@dataclass(frozen=True, slots=True)
class Report:
    """What a check found. `unknown`: imports of names that do not exist, by module."""

    bindings: Bindings
    entry: str | None
    found: tuple[Found, ...]
    unknown: tuple[str, ...]

    @property
    def failed(self) -> bool:
        """Whether a target is missing that should be there."""
        return any(each.missing and not each.binding.optional for each in self.found)

    def lines(self) -> Iterator[str]:
        """The report for people."""
        width = max((len(each.binding.service) for each in self.found), default=0)
        for each in self.found:
            state = f"missing: {each.missing}" if each.missing else f"{each.methods} methods"
            reach = "" if each.missing or self.entry is None else f", imported {REACHES[each.reach]}"
            yield f"{each.binding.service:<{width}}  {each.target}  {state}{reach}"
        for binding in self.bindings.services:
            if binding.shares is not None:
                yield f"{binding.service:<{width}}  shares {binding.shares}"
        if self.entry is not None:
            never = [str(each.target) for each in self.found if not each.missing and each.reach is None]
            yield f"\nnever imported from {self.entry}: {', '.join(never) or 'none'}"
        yield f"\nimports of names that do not exist: {len(self.unknown) or 'none'}"
        yield from (f"  {line}" for line in self.unknown)
        yield f"\n{self._coverage()}"

    def _coverage(self) -> str:
        inventory = [each for each in self.bindings.services if not each.hub]
        own = {each.binding.service for each in self.found if not each.missing}
        covered = [each for each in inventory if each.service in own]
        shared = [each for each in inventory if each.shares in own]
        hubs = [each for each in self.bindings.services if each.hub and each.service in own]
        return (
            f"{len(covered)} of {len(inventory)} services have code here, {len(shared)} share another's,"
            f" {len(inventory) - len(covered) - len(shared)} have none; {len(hubs)} more services beside them"
        )


def check(bindings: Bindings, path: Sequence[str], entry: str | None = None) -> Report:
    """Hold the bindings against the sources along a path of folders; `entry`: the module that starts the platform."""
    packages = (*bindings.packages, *([] if entry is None else [entry.partition(".")[0]]))
    sources = Sources(path, packages)
    reached = {} if entry is None else sources.reach(entry)
    found = tuple(_found(sources, binding, target, reached) for binding, target in bindings.targets())
    modules = dict.fromkeys([*reached, *(each.target.module for each in found)])
    unknown = tuple(
        f"{module}:{where.line} {sentence}{' (inside try)' if where.guarded else ''}"
        for module in modules
        for where, sentence in sources.unknown(module)
    )
    return Report(bindings, entry, found, unknown)


def _found(sources: Sources, binding: Binding, target: Target, reached: dict[str, bool]) -> Found:
    reach = reached.get(target.module)
    source = sources.find(target.module)
    if source is None:
        return Found(binding, target, f"there is no module {target.module}", 0, None)
    if source.broken is not None:
        return Found(binding, target, f"{target.module} cannot be read: {source.broken}", 0, reach)
    if target.owner is None:
        taken = [name for name in source.functions if binding.takes(None, name)]
        return Found(binding, target, None, len(set(taken)), reach)
    first = target.owner.partition(".")[0]
    methods = source.classes.get(target.owner)
    if methods is None and first not in source.names and not source.open:
        return Found(binding, target, f"{target.module} has no {target.owner}", 0, reach)
    taken = [name for name in methods or () if binding.takes(target.owner.rpartition(".")[2], name)]
    return Found(binding, target, None, len(set(taken)), reach)
