"""What the ledger and the payments show in system-health."""

from __future__ import annotations

from observatory.areas.definition import View

VIEW = View(
    numbers={
        "transactions_5m": "transactions",
        "negative_balances_5m": "negative_balances",
        "ledger_mismatches_5m": "ledger_mismatches",
        "duplicate_entries_1h": "duplicate_entries",
        "discontinuities_1h": "discontinuities",
        "unconserved_accounts_1h": "unconserved_accounts",
        "overdrawn_accounts": "overdrawn_accounts",
        "payments_5m": "payments",
        "payment_success_rate": "payment_success",
        "revenue_last_hour_usd": "revenue",
        "profit_share_errors_1h": "profit_share_errors",
    }
)
