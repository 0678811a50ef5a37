"""Control state: tokens, login links, sessions, budgets and the audit log, in SQLite (default) or PostgreSQL.

Every change of state and its audit row are one transaction:

    state = await open_store("sqlite+aiosqlite:////var/lib/observatory/state.db")
    async with state.writing() as rows:
        token = await rows.tokens.insert(...)
        await rows.audit.insert(...)
    await state.close()
"""

from observatory.state.alerts import Wanted
from observatory.state.audit import AuditEntry, AuditWanted
from observatory.state.budgets import BudgetRecord, BudgetTerms
from observatory.state.cost_anomalies import AnomalyRecord, FeedbackRecord
from observatory.state.incidents import IncidentsWanted
from observatory.state.lead import Lead, NotLeading
from observatory.state.login_links import LinkRecord
from observatory.state.people import ErasureRecord
from observatory.state.rules import RuleRecord
from observatory.state.sessions import SessionRecord
from observatory.state.silences import SilenceRecord, SilenceTerms
from observatory.state.store import Rows, State, open_store
from observatory.state.tokens import TokenRecord
from observatory.state.views import ViewRecord, ViewTerms

__all__ = [
    "AnomalyRecord",
    "AuditEntry",
    "AuditWanted",
    "BudgetRecord",
    "BudgetTerms",
    "ErasureRecord",
    "FeedbackRecord",
    "IncidentsWanted",
    "Lead",
    "LinkRecord",
    "NotLeading",
    "Rows",
    "RuleRecord",
    "SessionRecord",
    "SilenceRecord",
    "SilenceTerms",
    "State",
    "TokenRecord",
    "ViewRecord",
    "ViewTerms",
    "Wanted",
    "open_store",
]
