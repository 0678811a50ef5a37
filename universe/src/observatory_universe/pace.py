"""How big the universe is and how fast it lives."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Pace:
    """One size and speed.

    Attributes:
        users: users at the start; `most_users` is where the longest-standing ones begin to leave.
        impulse_gap_s: mean time between two impulses of one symbol.
        position_hold_s: how long a position is held.
        consensus_ratio: share of the good signals about which the large models are asked; this decides the AI bill.
        user_factor: how many times as often users do something as at the calm pace.
        chore_factor: how many times as often the platform does its periodic work as at the calm pace.
        most_in_flight: how many turns of one kind may be under way at once; further ones are left out.
        job_workers: how many periodic jobs run at once.
        testers: how many submitted strategies are tested at once.
    """

    users: int
    most_users: int
    impulse_gap_s: float
    position_hold_s: float
    consensus_ratio: float
    user_factor: float
    chore_factor: float
    most_in_flight: int
    job_workers: int
    testers: int


PACES: Final = {
    "calm": Pace(
        users=40,
        most_users=60,
        impulse_gap_s=6.0,
        position_hold_s=12.0,
        consensus_ratio=0.35,
        user_factor=1.0,
        chore_factor=1.0,
        most_in_flight=4,
        job_workers=6,
        testers=2,
    ),
    "busy": Pace(
        users=800,
        most_users=1_000,
        impulse_gap_s=1.0,
        position_hold_s=6.0,
        consensus_ratio=0.25,
        user_factor=24.0,
        chore_factor=3.0,
        most_in_flight=60,
        job_workers=24,
        testers=16,
    ),
}
