"""Why is it so: the cause of what was seen, from numbers alone and from the store."""

from observatory.diagnose.rank import rank
from observatory.diagnose.suspects import Suspect

__all__ = ["Suspect", "rank"]
