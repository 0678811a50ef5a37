"""Who may do what: tokens for programs, login links and sessions for browsers, scopes for both."""

from observatory.auth.principal import Principal
from observatory.auth.scopes import ADMIN, INGEST, OPERATE, READ, user_scope
from observatory.auth.sessions import Sessions
from observatory.auth.throttle import Throttle
from observatory.auth.tokens import Tokens

__all__ = ["ADMIN", "INGEST", "OPERATE", "READ", "Principal", "Sessions", "Throttle", "Tokens", "user_scope"]
