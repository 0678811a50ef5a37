"""Control state: tokens, login links, sessions and the audit log, in SQLite (default) or PostgreSQL.

Every change of state and its audit row are one transaction:

    state = await open_store("sqlite+aiosqlite:////var/lib/observatory/state.db")
    async with state.writing() as rows:
        token = await rows.tokens.insert(...)
        await rows.audit.insert(...)
    await state.close()
"""

from observatory.state.audit import AuditEntry
from observatory.state.login_links import LinkRecord
from observatory.state.sessions import SessionRecord
from observatory.state.store import Rows, State, open_store
from observatory.state.tokens import TokenRecord

__all__ = ["AuditEntry", "LinkRecord", "Rows", "SessionRecord", "State", "TokenRecord", "open_store"]
