"""The platform's sources, read and never run: what a module defines, and what it imports, at once or later."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_Function = ast.FunctionDef | ast.AsyncFunctionDef
# What these make of a function is no call of a service.
_NO_CALLS = frozenset({"property", "cached_property", "setter", "getter", "deleter", "overload"})
_MAX_BASES = 64


@dataclass(frozen=True, slots=True)
class Import:
    """`import module`, or `from module import name`. `later`: inside a function."""

    module: str
    name: str | None
    line: int
    later: bool
    guarded: bool


@dataclass(frozen=True, slots=True)
class Method:
    """A function or method. `home`: the class that it is written in, as `module:Class`, or its module.

    `any_name`: it takes keywords that it does not list.
    """

    name: str
    home: str
    parameters: tuple[str, ...]
    any_name: bool = False


@dataclass(frozen=True, slots=True)
class Class:
    """A class by its own text. `bases`: as they are written; those that are no names are left out."""

    bases: tuple[str, ...]
    methods: Mapping[str, Method]


@dataclass(slots=True)
class Source:
    """A module as it is written. `open`: what it defines cannot be told from its text. `broken`: no Python.

    `origins`: where a name comes from that the module imports: a module, and a name in it.
    """

    module: str
    path: Path
    package: bool
    names: set[str] = field(default_factory=set)
    functions: dict[str, Method] = field(default_factory=dict)
    classes: dict[str, Class] = field(default_factory=dict)
    origins: dict[str, tuple[str, str | None]] = field(default_factory=dict)
    imports: list[Import] = field(default_factory=list)
    open: bool = False
    broken: str | None = None


class Sources:
    """Modules found along a path, each read once."""

    def __init__(self, path: Sequence[str], packages: Sequence[str]) -> None:
        self._path = list(path)
        self._packages = packages
        self._read: dict[str, Source | None] = {}

    def own(self, module: str) -> bool:
        """Whether a module is the platform's own."""
        return module.partition(".")[0] in self._packages

    def find(self, module: str) -> Source | None:
        """A module, or None when there is none."""
        if module not in self._read:
            spec = self._spec(module)
            self._read[module] = None if spec is None else _source(module, spec)
        return self._read[module]

    def reach(self, entry: str) -> dict[str, bool]:
        """The platform's modules that a module leads to; true for those that are imported with it at once."""
        reached: dict[str, bool] = {}
        waiting = [(entry, True)]
        while waiting:
            module, at_once = waiting.pop()
            known = reached.get(module)
            if known or known is at_once:
                continue
            reached[module] = at_once
            source = self.find(module)
            for found in source.imports if source is not None else ():
                waiting.extend((name, at_once and not found.later) for name in self._meant(found))
        return {module: at_once for module, at_once in reached.items() if self.find(module) is not None}

    def unknown(self, module: str) -> Iterator[tuple[Import, str]]:
        """Imports of the platform's own names that do not exist, each with a sentence."""
        source = self.find(module)
        for found in source.imports if source is not None else ():
            if not self.own(found.module):
                continue
            target = self.find(found.module)
            if target is None:
                yield found, f"there is no module {found.module}"
            elif found.name is not None and found.name != "*" and not self._has(target, found.name):
                yield found, f"{found.module} has no {found.name}"

    def methods(self, module: str, owner: str) -> dict[str, Method] | None:
        """The methods of a class and those it inherits from the platform's own classes; None when there is no class.

        The nearest of several of one name counts, as when it is called.
        """
        found = self._class(module, owner)
        if found is None:
            return None
        methods: dict[str, Method] = {}
        for each in self._lineage(*found):
            for name, method in each.methods.items():
                methods.setdefault(name, method)
        return methods

    def _lineage(self, source: Source, name: str) -> Iterator[Class]:
        """A class, and its bases behind it. Where two lines meet, the shared base may come too early: names suffice."""
        waiting, seen = [(source, name)], set[tuple[str, str]]()
        while waiting and len(seen) < _MAX_BASES:
            home, own = waiting.pop(0)
            if (home.module, own) in seen:
                continue
            seen.add((home.module, own))
            yield home.classes[own]
            bases = (self._class(home.module, base) for base in home.classes[own].bases)
            waiting[:0] = [base for base in bases if base is not None]

    def _class(self, module: str, dotted: str) -> tuple[Source, str] | None:
        """Where a class is written that a module knows by a name: there, or where it was imported from."""
        for _ in range(_MAX_BASES):
            source = self.find(module) if dotted and self.own(module) else None
            if source is None:
                return None
            if dotted in source.classes:
                return source, dotted
            first, _, rest = dotted.partition(".")
            if first in source.origins:
                module, name = source.origins[first]
                dotted = ".".join(part for part in (name, rest) if part)
            else:
                module, dotted = f"{module}.{first}", rest
        return None

    def _meant(self, found: Import) -> Iterator[str]:
        """The modules that an import runs: parents, the module, and a submodule that is imported by name."""
        if not self.own(found.module):
            return
        parts = found.module.split(".")
        yield from (".".join(parts[: end + 1]) for end in range(len(parts)))
        if found.name is not None and self.find(f"{found.module}.{found.name}") is not None:
            yield f"{found.module}.{found.name}"

    def _has(self, source: Source, name: str) -> bool:
        known = source.open or source.broken is not None or name in source.names
        return known or self.find(f"{source.module}.{name}") is not None

    def _spec(self, module: str) -> ModuleSpec | None:
        path: Sequence[str] | None = self._path
        spec: ModuleSpec | None = None
        parts = module.split(".")
        for end in range(len(parts)):
            if path is None:
                return None
            spec = PathFinder.find_spec(".".join(parts[: end + 1]), path)
            if spec is None:
                return None
            path = None if spec.submodule_search_locations is None else list(spec.submodule_search_locations)
        return spec


def _source(module: str, spec: ModuleSpec) -> Source:
    package = spec.submodule_search_locations is not None
    source = Source(module, Path(spec.origin or ""), package)
    if spec.origin is None or not spec.origin.endswith(".py"):
        source.open = spec.origin is not None
        return source
    try:
        tree = ast.parse(source.path.read_bytes())
    except (OSError, SyntaxError, ValueError) as error:
        source.broken = f"{type(error).__name__}: {error}"
        return source
    _look(tree.body, source, later=False, guarded=False)
    return source


def _look(body: Sequence[ast.AST], source: Source, later: bool, guarded: bool) -> None:
    for node in body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            _import(node, source, later, guarded)
        elif isinstance(node, _FUNCTIONS):
            if not later:
                source.names.add(node.name)
                source.functions[node.name] = _method(node, source.module)
                source.open = source.open or node.name == "__getattr__"
            _look(node.body, source, True, guarded)
        elif isinstance(node, ast.ClassDef):
            _class(node, source, later, "")
        else:
            if not later:
                _assigned(node, source)
            inner = guarded or isinstance(node, ast.Try)
            _look([child for child in ast.iter_child_nodes(node) if _may_hold(child)], source, later, inner)


def _may_hold(node: ast.AST) -> bool:
    return isinstance(node, ast.stmt | ast.excepthandler | ast.match_case)


def _class(node: ast.ClassDef, source: Source, later: bool, outer: str) -> None:
    if not later:
        source.names.add(outer.partition(".")[0] or node.name)
        home = f"{source.module}:{outer}{node.name}"
        calls = [each for each in node.body if isinstance(each, _FUNCTIONS) and _is_call(each)]
        own = {each.name: _method(each, home) for each in calls}
        bases = tuple(text for base in node.bases if (text := _dotted(base)))
        source.classes[f"{outer}{node.name}"] = Class(bases, own)
        for each in node.body:
            if isinstance(each, ast.ClassDef):
                _class(each, source, later, f"{outer}{node.name}.")
    methods = [child for child in node.body if isinstance(child, _FUNCTIONS)]
    _look([child for method in methods for child in method.body], source, True, False)


def _method(node: _Function, home: str) -> Method:
    taken = node.args
    named = [*taken.posonlyargs, *taken.args, *taken.kwonlyargs, *filter(None, (taken.vararg, taken.kwarg))]
    return Method(node.name, home, tuple(each.arg for each in named), taken.kwarg is not None)


def _is_call(node: _Function) -> bool:
    return not any((_dotted(each) or "").rpartition(".")[2] in _NO_CALLS for each in node.decorator_list)


def _dotted(node: ast.expr) -> str | None:
    """The text of a name with dots; `Generic[T]` is `Generic`."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Subscript):
        return _dotted(node.value)
    before = _dotted(node.value) if isinstance(node, ast.Attribute) else None
    return f"{before}.{node.attr}" if before and isinstance(node, ast.Attribute) else None


def _assigned(node: ast.AST, source: Source) -> None:
    """Names that a statement binds in its module; those bound in functions inside are none."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.expr | ast.withitem):
            bound = (each for each in ast.walk(child) if isinstance(each, ast.Name))
            source.names.update(each.id for each in bound if isinstance(each.ctx, ast.Store))


def _import(node: ast.Import | ast.ImportFrom, source: Source, later: bool, guarded: bool) -> None:
    if isinstance(node, ast.Import):
        for each in node.names:
            source.imports.append(Import(each.name, None, node.lineno, later, guarded))
            if not later:
                name = each.asname or each.name.partition(".")[0]
                source.names.add(name)
                source.origins[name] = (each.name if each.asname else name, None)
        return
    module = _absolute(node, source)
    for each in node.names:
        source.imports.append(Import(module, each.name, node.lineno, later, guarded))
        if not later:
            source.names.add(each.asname or each.name)
            source.origins[each.asname or each.name] = (module, each.name)
            source.open = source.open or each.name == "*"


def _absolute(node: ast.ImportFrom, source: Source) -> str:
    if not node.level:
        return node.module or ""
    parts = source.module.split(".")
    base = parts[: len(parts) - node.level + (1 if source.package else 0)]
    return ".".join([*base, *([node.module] if node.module else [])])
