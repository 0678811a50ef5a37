"""What is read of one user: the queries of `user.sql`, by name."""

from __future__ import annotations

import re
from importlib.resources import files
from string import Template

_TIME = "DateTime64(9, 'UTC')"
_WHO = f"Timestamp <= {{until:{_TIME}}} AND Environment = {{environment:String}} AND UserId = {{user:String}}"
_WORDS = {
    "range": f"Timestamp > {{since:{_TIME}}} AND {_WHO}",
    "back": f"Timestamp > {{back:{_TIME}}} AND {_WHO}",
}
_HEAD = re.compile(r"^-- (read|then) (\w+)$", re.MULTILINE)


def _queries(kind: str) -> dict[str, str]:
    text = files(__package__).joinpath("user.sql").read_text(encoding="utf-8")
    parts = _HEAD.split(text)[1:]
    found = zip(parts[::3], parts[1::3], parts[2::3], strict=True)
    plain = (
        (name, re.sub(r"^--.*$", "", sql, flags=re.MULTILINE).strip()) for word, name, sql in found if word == kind
    )
    return {name: Template(sql).substitute(_WORDS) for name, sql in plain}


# Read at once, and what is asked for with their answers.
ALL = _queries("read")
REASONS = _queries("then")["reasons"]
