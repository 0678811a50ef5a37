"""What incidents are made of. The values live in `observatory.model`, because the control store keeps them."""

from observatory.model.incident import Case, Incident, IncidentChange, Kind, Member, Move, State

__all__ = ["Case", "Incident", "IncidentChange", "Kind", "Member", "Move", "State"]
