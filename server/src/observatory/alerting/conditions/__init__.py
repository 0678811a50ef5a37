"""The kinds of condition, one module each: what a rule may look at.

A new kind is a module with a frozen class that has `kind`, `absent`, `observe` and `decode`, and one line here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from observatory.alerting.conditions.anomaly import Anomaly
from observatory.alerting.conditions.bound import Bounded
from observatory.alerting.conditions.burn import Burns
from observatory.alerting.conditions.expected import Expected
from observatory.alerting.conditions.service import Service
from observatory.alerting.conditions.sql import Sql
from observatory.alerting.conditions.told import ToldOf
from observatory.alerting.fields import Fields
from observatory.alerting.rule import Condition

KINDS: Mapping[str, Callable[[Fields], Condition]] = {
    Anomaly.kind: Anomaly.decode,
    Bounded.kind: Bounded.decode,
    Burns.kind: Burns.decode,
    Expected.kind: Expected.decode,
    Service.kind: Service.decode,
    Sql.kind: Sql.decode,
    ToldOf.kind: ToldOf.decode,
}

__all__ = ["KINDS", "Anomaly", "Bounded", "Burns", "Expected", "Service", "Sql", "ToldOf"]
