"""Signal Intelligence: from a market event to a signal in a subscriber's hand."""
