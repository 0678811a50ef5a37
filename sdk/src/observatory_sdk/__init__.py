"""What a process needs to report to Observatory. See the README for a first span."""

from __future__ import annotations

from observatory_sdk import conventions, facts
from observatory_sdk.attach import attach
from observatory_sdk.calls import service
from observatory_sdk.endpoints import Exporters
from observatory_sdk.errors import ConfigurationError, DeliveryError, FactError, SdkError
from observatory_sdk.frame import decision, feature, outcome
from observatory_sdk.guard import losses, strict
from observatory_sdk.heartbeat import register
from observatory_sdk.pipeline import Providers, Telemetry, configure
from observatory_sdk.propagation import extract, inject
from observatory_sdk.spending import BudgetAnswer, check_budget, check_budget_async

__all__ = [
    "BudgetAnswer",
    "ConfigurationError",
    "DeliveryError",
    "Exporters",
    "FactError",
    "Providers",
    "SdkError",
    "Telemetry",
    "attach",
    "check_budget",
    "check_budget_async",
    "configure",
    "conventions",
    "decision",
    "extract",
    "facts",
    "feature",
    "inject",
    "losses",
    "outcome",
    "register",
    "service",
    "strict",
]
