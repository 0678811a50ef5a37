"""The door: OTLP over HTTP and gRPC, limits, and the group commit behind both."""

from observatory.ingest.budget import Budget
from observatory.ingest.commit import Committer, Pace
from observatory.ingest.door import Door, Receipt
from observatory.ingest.http import Bounds

__all__ = ["Bounds", "Budget", "Committer", "Door", "Pace", "Receipt"]
