"""The telemetry store: chDB inside the process or ClickHouse by its address, behind one client and one SQL."""

from observatory.store.backup import Manifest, freeze, restore
from observatory.store.engine import DATABASE, Plan, Store, open_store
from observatory.store.facts import FactTable, FactView, parse
from observatory.store.history import History, Kept, Point
from observatory.store.insert import Batch, Stored, Writer
from observatory.store.people import People
from observatory.store.query import Reader, Rows
from observatory.store.retention import Retention
from observatory.store.views import Limits

__all__ = [
    "DATABASE",
    "Batch",
    "FactTable",
    "FactView",
    "History",
    "Kept",
    "Limits",
    "Manifest",
    "People",
    "Plan",
    "Point",
    "Reader",
    "Retention",
    "Rows",
    "Store",
    "Stored",
    "Writer",
    "freeze",
    "open_store",
    "parse",
    "restore",
]
