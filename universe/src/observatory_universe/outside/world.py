"""The whole outside world: every server on a loopback port of its own, in one process."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from observatory_universe.chance import Chance
from observatory_universe.clock import Clock
from observatory_universe.faults import Faults
from observatory_universe.ids import Ids
from observatory_universe.market import VENUES
from observatory_universe.outside.browsers import Browsers
from observatory_universe.outside.exchanges import exchange_server
from observatory_universe.outside.language import Language
from observatory_universe.outside.mail import Postbox, mail_server
from observatory_universe.outside.market import Market
from observatory_universe.outside.postgres import postgres_server
from observatory_universe.outside.providers import provider_server
from observatory_universe.outside.redis import redis_server
from observatory_universe.outside.telegram import Bot, telegram_server
from observatory_universe.outside.venue import Venue
from observatory_universe.pace import Pace
from observatory_universe.season import Season
from observatory_universe.users import User

PROVIDERS: Final = ("openai", "anthropic", "gcp.gemini")


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the outside world is reached."""

    exchanges: Mapping[str, str]
    providers: Mapping[str, str]
    telegram: str
    mail_host: str
    mail_port: int
    redis: str
    postgres: str


@dataclass(frozen=True, slots=True)
class Cores:
    """What stands behind the servers, or behind nothing when the platform calls it in its own process."""

    venues: Mapping[str, Venue]
    language: Language
    bot: Bot
    postbox: Postbox
    browsers: Browsers


def cores(seed: int, pace: Pace, clock: Clock, faults: Faults, users: list[User]) -> Cores:
    """The far ends of everything, on this clock."""
    chance, ids = Chance(seed), Ids(clock)
    market = Market(clock, chance, faults, pace.impulse_gap_s, Season(chance, pace.has_seasons).markets)
    bot = Bot(clock, chance, faults, command_gap_s=pace.command_gap_s, messages_per_s=pace.messages_per_s)
    browsers = Browsers(clock, chance, faults, most=pace.most_sessions)
    bot.know(users)
    browsers.know(users)
    return Cores(
        venues={name: Venue(name, market, clock, chance, faults, ids) for name in VENUES},
        language=Language(clock, chance, faults, ids),
        bot=bot,
        postbox=Postbox(clock, chance, faults),
        browsers=browsers,
    )


@asynccontextmanager
async def opened(far: Cores, folder: Path) -> AsyncIterator[Addresses]:
    """Serves everything for as long as the block lasts. `folder` holds the databases' files and logs."""
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        exchanges = {name: (await enter(exchange_server(venue))).url for name, venue in far.venues.items()}
        providers = {name: (await enter(provider_server(far.language, name))).url for name in PROVIDERS}
        telegram = await enter(telegram_server(far.bot))
        mail = await enter(mail_server(far.postbox))
        redis = await enter(redis_server(folder / "redis"))
        postgres = await enter(postgres_server(folder / "postgres"))
        yield Addresses(exchanges, providers, telegram.url, mail.host, mail.port, redis.url, postgres.url)
