"""What to do about an alert: steps in words, questions asked as they are read, and a check that says it is over.

runbooks.load()                    # by id; one file each in books/
verify.indicator(check, ...)       # recovered, not yet, or unknown; pure
"""

from observatory.runbooks import verify
from observatory.runbooks.general import general
from observatory.runbooks.loader import RunbookError, decode, load
from observatory.runbooks.model import Check, Look, Outcome, Runbook, Step

__all__ = ["Check", "Look", "Outcome", "Runbook", "RunbookError", "Step", "decode", "general", "load", "verify"]
