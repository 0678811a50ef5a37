"""What the bindings of this benchmark wrap. Every method does nothing and returns the same."""

from __future__ import annotations

from typing import Any

ANSWER = {"success": True, "error": None, "status": "filled", "price": 1.5}


class Desk:
    """`bare_*` are left alone; the others are wrapped."""

    def bare(self, symbol: str, user_id: str | None = None) -> Any:
        return ANSWER

    async def bare_later(self, symbol: str, user_id: str | None = None) -> Any:
        return ANSWER

    def act(self, symbol: str, user_id: str | None = None) -> Any:
        return ANSWER

    async def act_later(self, symbol: str, user_id: str | None = None) -> Any:
        return ANSWER

    def trade(self, symbol: str, user_id: str | None = None) -> Any:
        return ANSWER

    async def trade_later(self, symbol: str, user_id: str | None = None) -> Any:
        return ANSWER
