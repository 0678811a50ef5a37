"""Credit ledger, payments and profit share."""
