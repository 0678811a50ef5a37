"""What several tests of notifications need."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from outside import Outside

from observatory import alerting, notify
from observatory.alerting import Rule
from observatory.clock import HeldClock
from observatory.model.alert import Transition
from observatory.state import State
from observatory.state.deliveries import Asked, Delivery


class Clock(HeldClock):
    """A held clock on which waiting for the network takes no time."""

    def monotonic(self) -> float:
        return 0.0


@dataclass
class Post:
    """Everything between an alert's change and what is sent, on a real control store, with a clock that is held."""

    state: State
    clock: Clock
    keeper: alerting.Keeper
    deliverer: notify.Deliverer
    rules: dict[str, Rule]
    file: Path

    async def keep(self, *transitions: Transition) -> None:
        """The changes of one round."""
        await self.keeper(transitions)

    async def deliver(self, after_s: float = 0.0) -> None:
        """Go on by so many seconds, and deliver all that is due then."""
        self.clock.advance(after_s)
        for _ in range(4):
            await self.deliverer.step()
            await self.deliverer.settled()

    async def told(self, *transitions: Transition, after_s: float = 5.0) -> None:
        """Keep changes, and deliver what comes of them."""
        await self.keep(*transitions)
        await self.deliver(after_s)

    async def ledger(self, **asked: Any) -> Sequence[Delivery]:
        """What it holds, oldest first."""
        async with self.state.reading() as rows:
            return list(reversed(await rows.deliveries.page(Asked(**asked), None, 1_000)))


Posts = Callable[..., Any]


def hook(world: Outside, name: str = "hook", **more: Any) -> dict[str, Any]:
    """A webhook to it, as the file of channels has it."""
    return {"id": name, "kind": "webhook", "url": f"{world.url}/{name}", **more}
