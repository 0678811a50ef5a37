"""What budgets and anomalies of costs say, for the rules about them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from observatory.alerting.inputs import Teller
from observatory.alerting.scene import Told
from observatory.costs.anomalies import SENTENCES, CostAnomalies, CostAnomaly
from observatory.costs.budgets import Standing, State
from observatory.costs.standings import Standings
from observatory.health import words
from observatory.model import Measurement
from observatory.state import BudgetRecord

Judge = Callable[[BudgetRecord, Standing], tuple[bool, str]]


def tellers(standings: Standings, anomalies: CostAnomalies) -> Mapping[str, Teller]:
    """By topic, who tells of budgets and of anomalies of costs."""

    def of(judge: Judge) -> Teller:
        async def tell(environment: str, at: datetime) -> Sequence[Told]:
            return [_told(record, standing, judge) for record, standing in standings.all(environment)]

        return tell

    async def spikes(environment: str, at: datetime) -> Sequence[Told]:
        mine = (each for each in anomalies.open if each.environment == environment and each.counted)
        return [_spike(each) for each in mine]

    return {
        "budget.exhausted": of(_exhausted),
        "budget.warned": of(_warned),
        "budget.forecast": of(_forecast),
        "cost.spike": spikes,
    }


def _told(record: BudgetRecord, standing: Standing | None, judge: Judge) -> Told:
    name = record.terms.name
    if standing is None or standing.state is State.UNKNOWN:
        return Told(name, None, f"the budget {name}: not known")
    bad, bound = judge(record, standing)
    why = "; ".join(standing.reasons) or f"{words.number(standing.share_ratio or 0, 'ratio')} of it is spent"
    return Told(name, bad, f"the budget {name}: {why}", standing.spent, bound, {"budget": name})


def _exhausted(record: BudgetRecord, standing: Standing) -> tuple[bool, str]:
    return standing.state is State.EXHAUSTED, _of(record.terms.crit_actual_ratio, record)


def _warned(record: BudgetRecord, standing: Standing) -> tuple[bool, str]:
    share = standing.share_ratio
    bad = share is not None and share >= record.terms.warn_actual_ratio
    return bad or any(each.burning for each in standing.burns), _of(record.terms.warn_actual_ratio, record)


def _forecast(record: BudgetRecord, standing: Standing) -> tuple[bool, str]:
    terms, projection = record.terms, standing.projection
    least = min(terms.warn_forecast_ratio, terms.crit_forecast_ratio)
    bound = f"forecast: {_of(least, record)}"
    if projection is None or projection.expected_usd is None or not projection.enough:
        return False, bound
    return projection.expected_usd >= terms.amount_usd * least, bound


def _of(ratio: float | object, record: BudgetRecord) -> str:
    terms = record.terms
    return f"at or above {float(str(ratio)) * 100:g} % of {words.number(terms.amount_usd, 'usd')} in a {terms.period}"


def _spike(found: CostAnomaly) -> Told:
    account = found.account
    member = f"{found.kind.value}/{found.id}"
    who = "" if found.named is None else f" ({found.named[0]} {found.named[1]})"
    sentence = (
        f"{SENTENCES[found.kind]}{who}: {words.number(account.excess_usd, 'usd')} above the expected "
        f"{words.number(account.expected_usd, 'usd')} since {words.moment(found.began_at)}"
    )
    window_s = max(1, round((found.as_of - found.began_at).total_seconds()))
    measured = Measurement(account.excess_usd, "usd", 1, window_s, found.as_of, "the cost ledger, minute by minute")
    return Told(
        member, True, sentence, measured, "above what is expected by the minutes before", {"cause": found.kind.value}
    )
