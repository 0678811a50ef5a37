"""What model calls cost, in exact decimals."""

from observatory.costs.prices import Tokens, price

__all__ = ["Tokens", "price"]
