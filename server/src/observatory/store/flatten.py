"""From one row per request to one row per span, record or point: the mirror of the message, and its unnesting.

One column per leaf, named by its dotted path, with one `Array` per repeated level above it. Planning a view costs time
by the text of its column types, so leaves are flat columns and not nested tuples.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Level:
    """One repeated level of a request.

    Attributes:
        prefix: the dotted path of the repeated field.
        leaves: type of each leaf below it that is not in a deeper level, by dotted path.
        computed: SQL over a leaf's alias, evaluated once per element of this level and carried inwards in its place.
    """

    prefix: str
    leaves: Mapping[str, str]
    computed: Mapping[str, str] = field(default_factory=dict)

    @property
    def aliases(self) -> dict[str, str]:
        """Alias of each leaf: its last prefix part and its path, joined by underscores."""
        last = self.prefix.rsplit(".", 1)[-1]
        return {leaf: f"{last}_{leaf.replace('.', '_')}" for leaf in self.leaves}


def columns(levels: Sequence[Level]) -> dict[str, str]:
    """Column types of the table that mirrors the message, by dotted path."""
    return {
        f"{level.prefix}.{leaf}": "Array(" * depth + kind + ")" * depth
        for depth, level in enumerate(levels, 1)
        for leaf, kind in level.leaves.items()
    }


def unnest(table: str, levels: Sequence[Level]) -> str:
    """The FROM clause that yields one row per element of the deepest level, with every alias of every level."""
    source = table
    carried: list[str] = []
    for depth, level in enumerate(levels):
        open_levels = levels[depth:]
        join = ", ".join(
            f"`{each.prefix}.{leaf}` AS {alias}" if depth == 0 else alias
            for each in open_levels
            for leaf, alias in each.aliases.items()
        )
        if depth == len(levels) - 1:
            return f"{source} ARRAY JOIN {join}"
        done = [
            f"{level.computed[leaf]} AS {alias}_" if leaf in level.computed else alias
            for leaf, alias in level.aliases.items()
        ]
        deeper = [alias for each in levels[depth + 1 :] for alias in each.aliases.values()]
        source = f"(SELECT {', '.join([*carried, *done, *deeper])} FROM {source} ARRAY JOIN {join})"
        carried += [f"{alias}_" if leaf in level.computed else alias for leaf, alias in level.aliases.items()]
    raise ValueError("a request has at least one level")
