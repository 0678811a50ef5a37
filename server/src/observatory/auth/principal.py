"""Who is asking, as far as the rest of the server needs to know."""

from __future__ import annotations

from dataclasses import dataclass

from observatory.auth import scopes
from observatory.errors import Forbidden


@dataclass(frozen=True, slots=True)
class Principal:
    """A caller whose token or session is in force.

    Attributes:
        actor: `token:<id>` or `session:<id>`, as the audit log names it.
        name: what people call it.
        scopes: what it may do.
    """

    actor: str
    name: str
    scopes: frozenset[str]

    @property
    def user(self) -> str | None:
        """The user whose answers are open to it by a scope of their own; the first by name when there are several."""
        return next(iter(sorted(scopes.users(self.scopes))), None)

    def allows(self, scope: str) -> bool:
        """True when it holds `scope` or one that implies it."""
        return scopes.allows(self.scopes, scope)

    def require(self, scope: str) -> Principal:
        """Itself, when it may.

        Raises:
            Forbidden: it lacks `scope`.
        """
        if not self.allows(scope):
            raise Forbidden(f"this needs the scope {scope}")
        return self
