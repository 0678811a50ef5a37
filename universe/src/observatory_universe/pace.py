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
        inbox_factor: how many times as often the platform looks for work of its own as at the calm pace.
        most_in_flight: how many turns of one kind may be under way at once; further ones are left out.
        most_late_s: a user's turn that the process comes to later than this is left out: it has more to do than it can.
        opens_first: whether users wait until all accounts of the start are open; else they come while they are opened.
        has_viewers: whether users look at prices, portfolios and earnings all the time: many short calls.
        job_workers: how many periodic jobs run at once.
        command_gap_s: mean time between two commands that users write to the bot.
        messages_per_s: how many messages a second the Bot API takes.
        most_sessions: how many browser sessions are open at most.
        testers: how many submitted strategies are tested at once.
        stream_rest_s: how long at most a stream is left alone while the market is quiet; 0: it is always read.
        mishap_factor: how many times as fast as at the calm pace faults make things happen.
        has_seasons: whether users and markets are livelier at some hours and days than at others.
    """

    users: int
    most_users: int
    impulse_gap_s: float
    position_hold_s: float
    consensus_ratio: float
    user_factor: float
    chore_factor: float
    inbox_factor: float
    most_in_flight: int
    job_workers: int
    testers: int
    command_gap_s: float
    messages_per_s: float
    most_sessions: int
    stream_rest_s: float = 0.0
    mishap_factor: float = 1.0
    has_seasons: bool = False
    most_late_s: float = float("inf")
    opens_first: bool = False
    has_viewers: bool = False


PACES: Final = {
    "calm": Pace(
        users=40,
        most_users=60,
        impulse_gap_s=6.0,
        position_hold_s=12.0,
        consensus_ratio=0.35,
        user_factor=1.0,
        chore_factor=1.0,
        inbox_factor=1.0,
        most_in_flight=4,
        job_workers=6,
        testers=1,
        command_gap_s=7.0,
        messages_per_s=100.0,
        most_sessions=60,
    ),
    "busy": Pace(
        users=320,
        most_users=400,
        impulse_gap_s=1.0,
        position_hold_s=6.0,
        consensus_ratio=0.25,
        user_factor=100.0,
        chore_factor=8.0,
        inbox_factor=4.0,
        most_in_flight=8,
        job_workers=16,
        testers=24,
        command_gap_s=0.15,
        messages_per_s=1_000.0,
        most_sessions=300,
        most_late_s=0.03,
        opens_first=True,
        has_viewers=True,
    ),
    # History: as a calm day, thinned, so that a month of it is written in minutes.
    "history": Pace(
        users=40,
        most_users=60,
        impulse_gap_s=18_000.0,
        position_hold_s=12.0,
        consensus_ratio=0.35,
        user_factor=0.007,
        chore_factor=0.004,
        inbox_factor=0.2,
        most_in_flight=4,
        job_workers=6,
        testers=1,
        command_gap_s=900.0,
        messages_per_s=100.0,
        most_sessions=60,
        stream_rest_s=600.0,
        mishap_factor=1 / 60,
        has_seasons=True,
    ),
}
