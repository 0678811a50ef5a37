"""Discovery & Opportunities: what could be traded, and by whom."""
