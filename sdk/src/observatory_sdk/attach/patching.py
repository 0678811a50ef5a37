"""A service's methods found in an imported module, and wrapped there: in classes, never in instances."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import FunctionType, ModuleType
from typing import Any
from weakref import WeakKeyDictionary

from observatory_sdk.attach.bindings import Binding, Target
from observatory_sdk.attach.entry import Inherited, Seam
from observatory_sdk.attach.paths import ABSENT, Path
from observatory_sdk.attach.wrapping import is_ours, wrapped

_NAMES_OF = type.__dict__["__dict__"].__get__
_INHERITED: WeakKeyDictionary[Any, Inherited] = WeakKeyDictionary()
_MRO_OF = type.__dict__["__mro__"].__get__


@dataclass(slots=True)
class Patched:
    """What was done for one target. `operations`: the wrapped methods. `missing`: why there are none, if so."""

    target: Target
    operations: list[str] = field(default_factory=list)
    missing: str | None = None
    undo: list[Callable[[], None]] = field(default_factory=list)


def patch(module: ModuleType, binding: Binding, target: Target, user: tuple[Path, ...]) -> Patched:
    """Wrap what a target names in its module."""
    done = Patched(target)
    owner = _owner(module, target.owner)
    if owner is None:
        done.missing = f"{target.module} has no {target.owner}"
    elif isinstance(owner, ModuleType):
        for name, function in _functions(owner, binding):
            seam = Seam(binding.service, name, name, False, binding.rules, binding.mapped(None, name), user)
            _put(done, owner, name, function, wrapped(function, seam), function)
    else:
        for base, name, found in _methods(owner, binding):
            _wrap_method(done, owner, base, name, found, binding, user)
    if done.missing is None and not done.operations:
        done.missing = f"{target} has no method that the bindings take"
    return done


def _owner(module: ModuleType, dotted: str | None) -> ModuleType | type | None:
    if dotted is None:
        return module
    found: Any = vars(module).get(dotted.split(".")[0])
    for name in dotted.split(".")[1:]:
        found = _NAMES_OF(found).get(name) if isinstance(found, type) else None
    return found if isinstance(found, type) else None


def _functions(module: ModuleType, binding: Binding) -> Iterator[tuple[str, FunctionType]]:
    for name, found in list(vars(module).items()):
        own = type(found) is FunctionType and found.__module__ == module.__name__
        if own and not is_ours(found) and binding.takes(None, name):
            yield name, found


def _methods(owner: type, binding: Binding) -> Iterator[tuple[type, str, object]]:
    """Methods of a class and those it inherits from classes of the same package. Properties and the like are no calls.

    What a class inherits and is wrapped there already is counted there. A static method that it inherits is left
    alone: nobody can tell through which class it is called.
    """
    seen: set[str] = set()
    package = _package(owner)
    for base in _MRO_OF(owner):
        own = _package(base) == package
        for name, found in list(_NAMES_OF(base).items()):
            if name in seen:
                continue
            seen.add(name)
            inner = found.__func__ if type(found) in (staticmethod, classmethod) else found
            if not own or type(inner) is not FunctionType or not binding.takes(owner.__name__, name):
                continue
            if (inner in _INHERITED or not is_ours(inner)) if base is owner else _is_free(owner, inner, type(found)):
                yield base, name, found


def _is_free(owner: type, inherited: FunctionType, kind: type) -> bool:
    """Whether an inherited method can be counted for a class, and is not counted yet."""
    known = _INHERITED.get(inherited)
    return kind is not staticmethod and (not is_ours(inherited) if known is None else not known.knows(owner))


def _package(owner: type) -> str:
    return str(_NAMES_OF(owner).get("__module__")).partition(".")[0]


def _wrap_method(
    done: Patched, owner: type, base: type, name: str, found: Any, binding: Binding, user: tuple[Path, ...]
) -> None:
    kind = type(found)
    function: FunctionType = found.__func__ if kind in (staticmethod, classmethod) else found
    mapped = binding.mapped(owner.__name__, name)
    # A service of several classes has methods of one name: those of the first go by their name alone.
    operation = name if done.target == binding.targets[0] else f"{owner.__name__}.{name}"
    seam = Seam(binding.service, operation, name, kind is not staticmethod, binding.rules, mapped, user)
    if base is owner:
        call: Any = wrapped(function, seam)
    elif function in _INHERITED:
        _INHERITED[function].add(owner, seam)
        done.operations.append(name)
        return
    else:
        inherited = Inherited(function, kind is classmethod)
        inherited.add(owner, seam)
        call = wrapped(function, inherited)
        _INHERITED[call] = inherited
    _put(done, base, name, found, kind(call) if kind in (staticmethod, classmethod) else call, function)


def _put(done: Patched, owner: Any, name: str, before: Any, after: Any, function: FunctionType) -> None:
    if isinstance(owner, ModuleType):
        stored: Any = before
        setattr(owner, name, after)
        done.undo.append(lambda: setattr(owner, name, before))
    else:
        stored = _NAMES_OF(owner).get(name, ABSENT)
        # A metaclass may have a `__setattr__` of its own, which is the host's code.
        type.__setattr__(owner, name, after)
        done.undo.append(lambda: _put_back(owner, name, stored))
    done.operations.append(name)


def _put_back(owner: type, name: str, stored: object) -> None:
    if stored is ABSENT:
        type.__delattr__(owner, name)
    else:
        type.__setattr__(owner, name, stored)
