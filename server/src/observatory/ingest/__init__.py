"""The door: OTLP over HTTP and gRPC, limits, and the group commit behind both."""

from observatory.ingest.budget import Budget
from observatory.ingest.commit import Committer, Pace
from observatory.ingest.door import Door, Receipt

__all__ = ["Budget", "Committer", "Door", "Pace", "Receipt"]
