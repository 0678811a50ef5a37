"""What no span tells: figures of Redis, PostgreSQL, exporters, the platform's own tables, and probes of its routes.

A collector turns what it read into a request of OTLP metrics, which goes through the same commit as everybody's.
"""

from observatory.collect.kinds import KINDS, known
from observatory.collect.rounds import Collectors
from observatory.collect.standing import Standings
from observatory.collect.target import Target
from observatory.collect.targets import decode, load

__all__ = ["KINDS", "Collectors", "Standings", "Target", "decode", "known", "load"]
