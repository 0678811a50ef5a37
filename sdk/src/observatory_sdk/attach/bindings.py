"""The bindings of a platform: which classes and functions stand for which service, and what their calls tell."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from importlib import resources
from pathlib import Path as FilePath

import yaml

from observatory_sdk.attach.assumed import marked
from observatory_sdk.attach.mapping import Mapped, read_mapped
from observatory_sdk.attach.outcome import OUTCOMES, TESTS, Rule
from observatory_sdk.attach.paths import Path
from observatory_sdk.attach.reading import Node
from observatory_sdk.errors import ConfigurationError

MAX_BYTES = 2_000_000
_TOP = ("platform", "packages", "ignore", "outcome", "user", "services")
_SERVICE = ("targets", "methods", "ignore", "outcome", "facts", "assumed", "shares", "hub", "optional")
_DOTTED = r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*"
_TARGET = re.compile(rf"{_DOTTED}(:{_DOTTED})?")
_ID = re.compile(r"[a-z][a-z0-9_]*")
_METHOD = re.compile(rf"({_DOTTED}\.)?[A-Za-z_]\w*")


@dataclass(frozen=True, slots=True)
class Target:
    """A class of a module, or the functions of a module where `owner` is None."""

    module: str
    owner: str | None

    @property
    def class_name(self) -> str | None:
        """The class without the classes around it."""
        return self.owner and self.owner.rpartition(".")[2]

    def __str__(self) -> str:
        return self.module if self.owner is None else f"{self.module}:{self.owner}"


@dataclass(frozen=True, slots=True)
class Binding:
    """A service and its code. One that `shares` another's has no targets of its own, and is not counted twice.

    `facts` by method, or by `Class.method`. `assumed`: patterns of the places that its facts are read from without
    anybody having seen them. `hub`: no service of the inventory. `optional`: may be missing from the platform.
    """

    service: str
    targets: tuple[Target, ...] = ()
    methods: tuple[str, ...] = ("*",)
    ignore: tuple[str, ...] = ()
    rules: tuple[Rule, ...] = ()
    facts: Mapping[str, tuple[Mapped, ...]] = field(default_factory=dict)
    assumed: tuple[str, ...] = ()
    shares: str | None = None
    hub: bool = False
    optional: bool = False

    def takes(self, owner: str | None, name: str) -> bool:
        """Whether a method belongs to the service: a private one only by name, or by a pattern that begins with `_`."""
        full = name if owner is None else f"{owner}.{name}"
        if name in self.methods or full in self.methods or name in self.facts or full in self.facts:
            return True
        if _matches(self.ignore, name, full):
            return False
        private = name.startswith("_")
        return _matches([each for each in self.methods if each.startswith("_") or not private], name, full)

    def mapped(self, owner: str | None, name: str) -> tuple[Mapped, ...]:
        """The facts that calls of a method tell."""
        return self.facts.get(f"{owner}.{name}", ()) or self.facts.get(name, ())


@dataclass(frozen=True, slots=True)
class Bindings:
    """A bindings file. `packages`: where the platform's own code is. `user`: where a call names its user."""

    platform: str
    packages: tuple[str, ...]
    user: tuple[Path, ...]
    services: tuple[Binding, ...]

    def targets(self) -> list[tuple[Binding, Target]]:
        """Everything to wrap, in the order of the file."""
        return [(binding, target) for binding in self.services for target in binding.targets]


def load(name: str) -> Bindings:
    """The bindings of a file, or those that the SDK ships under a name such as `cryptouniverse`.

    Raises `ConfigurationError` for a file that cannot be read or says something that cannot be meant.
    """
    shipped = resources.files("observatory_sdk") / "bindings" / f"{name}.yaml"
    file = shipped if _ID.fullmatch(name) and shipped.is_file() else FilePath(name)
    try:
        content = file.read_bytes()
    except OSError as error:
        known = ", ".join(sorted(found.name[:-5] for found in _shipped()))
        raise ConfigurationError(
            f"bindings is {name!r}: it takes a file that can be read, or one of {known}: {error}"
        ) from None
    return parse(content, name)


def _shipped() -> list[FilePath]:
    folder = resources.files("observatory_sdk") / "bindings"
    return [FilePath(found.name) for found in folder.iterdir() if found.name.endswith(".yaml")]


def parse(content: bytes, name: str) -> Bindings:
    """The bindings that a file holds; `name` is for messages."""
    if len(content) > MAX_BYTES:
        raise ConfigurationError(f"{name} has {len(content)} bytes: it takes at most {MAX_BYTES}")
    try:
        document = yaml.load(content, Loader=_UniqueNames)  # noqa: S506 - a SafeLoader
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{name} is no YAML: {error}") from None
    top = Node(document, name).mapping(_TOP)
    missing = [part for part in ("platform", "packages", "services") if part not in top]
    if missing:
        raise ConfigurationError(f"{name} lacks {', '.join(missing)}")
    ignore = top["ignore"].texts() if "ignore" in top else ()
    rules = _rules(top["outcome"]) if "outcome" in top else ()
    services = top["services"].mapping()
    bindings = tuple(_binding(service, node, ignore, rules) for service, node in services.items())
    _check_shares(bindings, services)
    user = top["user"].paths() if "user" in top else ()
    if any(path.root != "args" for path in user):
        top["user"].refuse("paths that begin with args")
    return Bindings(top["platform"].text(), top["packages"].texts(), user, bindings)


class _UniqueNames(yaml.SafeLoader):
    """YAML takes the last of two entries of one name in silence; here it is a mistake."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[object, object]:
        names = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        for name in names:
            if names.count(name) > 1 and name != "<<":
                raise yaml.constructor.ConstructorError(None, None, f"{name!r} stands twice", node.start_mark)
        return super().construct_mapping(node, deep)


def _binding(service: str, node: Node, ignore: tuple[str, ...], rules: tuple[Rule, ...]) -> Binding:
    if not _ID.fullmatch(service):
        raise ConfigurationError(f"{node.where}: a service id takes lower case letters, digits and _")
    parts = node.mapping(_SERVICE)
    if "shares" in parts:
        if set(parts) != {"shares"}:
            raise ConfigurationError(f"{node.where} shares another entry: it takes no further fields")
        return Binding(service, shares=parts["shares"].text())
    if "targets" not in parts:
        raise ConfigurationError(f"{node.where} lacks targets: it takes module:Class, module, or shares")
    assumed = parts["assumed"].texts("patterns of paths, as in args.order.*") if "assumed" in parts else ()
    rules = _rules(parts["outcome"]) if "outcome" in parts else rules
    return Binding(
        service,
        tuple(_target(each) for each in parts["targets"].list("module:Class or module")),
        parts["methods"].texts() if "methods" in parts else ("*",),
        (*ignore, *(parts["ignore"].texts() if "ignore" in parts else ())),
        rules,
        _facts(parts["facts"], assumed, rules) if "facts" in parts else {},
        assumed,
        hub="hub" in parts and parts["hub"].flag(),
        optional="optional" in parts and parts["optional"].flag(),
    )


def _target(node: Node) -> Target:
    text = node.text("module:Class or module")
    if not _TARGET.fullmatch(text):
        node.refuse("module:Class or module")
    module, _, owner = text.partition(":")
    return Target(module, owner or None)


def _rules(node: Node) -> tuple[Rule, ...]:
    return tuple(_rule(each) for each in node.list("a list of rules")) if node.value != [] else ()


def _rule(node: Node, inner: bool = False) -> Rule:
    own = ("path", *TESTS) if inner else ("path", *TESTS, "is", "reason", "unless")
    parts = node.mapping(own)
    tests = [name for name in TESTS if name in parts]
    if len(tests) != 1 or "path" not in parts or ("is" not in parts and not inner):
        node.refuse(f"path, {'' if inner else 'is, '}and exactly one of {', '.join(TESTS)}")
    outcome = OUTCOMES[0] if inner else parts["is"].one_of(OUTCOMES)
    reasons = parts["reason"].paths() if "reason" in parts else ()
    unless = _rule(parts["unless"], inner=True) if "unless" in parts else None
    return Rule(outcome, parts["path"].path(), tests[0], _operand(tests[0], parts[tests[0]]), reasons, unless)


def _operand(test: str, node: Node) -> object:
    if test == "not_empty":
        return node.flag()
    if test == "starts_with":
        return node.text()
    several = test != "equals"
    values = [each.value for each in node.list("values")] if several else [node.value]
    if not values or not all(isinstance(value, str | bool | int | float) for value in values):
        node.refuse("a list of texts or numbers" if several else "a text, a number, or true or false")
    return tuple(values) if several else values[0]


def _facts(node: Node, assumed: tuple[str, ...], rules: tuple[Rule, ...]) -> dict[str, tuple[Mapped, ...]]:
    found: dict[str, tuple[Mapped, ...]] = {}
    for method, each in node.mapping().items():
        if not _METHOD.fullmatch(method):
            raise ConfigurationError(f"{each.where}: it takes the name of a method, or Class.method")
        mapped = (read_mapped(one, _rule) for one in each.list("a list of facts"))
        found[method] = tuple(marked(one, assumed, rules) for one in mapped)
    return found


def _check_shares(bindings: tuple[Binding, ...], nodes: Mapping[str, Node]) -> None:
    own = {binding.service for binding in bindings if binding.shares is None}
    for binding in bindings:
        if binding.shares is not None and binding.shares not in own:
            nodes[binding.service].refuse("a service of this file that has targets of its own")
    claimed: dict[Target, str] = {}
    for binding in bindings:
        for target in binding.targets:
            other = claimed.setdefault(target, binding.service)
            if other != binding.service:
                nodes[binding.service].refuse(f"targets of its own: {target} belongs to {other} (use shares)")


def _matches(patterns: Iterable[str], name: str, full: str) -> bool:
    return any(fnmatchcase(name, pattern) or fnmatchcase(full, pattern) for pattern in patterns)
