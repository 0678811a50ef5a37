"""The platform's names as a throw-away package: its modules, classes and methods, of the facts in `platform.yaml`.

Nothing of its code: each method answers nothing, or what the test that asks for it wants. `main.py` imports as the
platform's does; `run.py` calls every method of every class, and on demand more.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

FACTS = yaml.safe_load((Path(__file__).parent / "attach" / "platform.yaml").read_text(encoding="utf-8"))
CLASSES: Mapping[str, Mapping[str, list[str]]] = FACTS["classes"]
SERVICES: Mapping[str, Mapping[str, Any]] = FACTS["services"]
RETURNED: Mapping[str, list[str]] = FACTS["answers"]

# What methods answer whose facts are looked at.
ANSWERS = {
    "TradeExecutionService.execute_trade": """{
        'success': True, 'trade_id': 'T1', 'simulation_fallback': True, 'notice': 'no credentials',
        'simulation_result': {'order_id': 'SIM_1', 'status': 'FILLED', 'execution_price': 50000.0, 'quantity': 0.1,
        'fees': 0.05, 'slippage_bps': 2}}""",
    "TradeExecutionService.execute_real_trade": """{
        'success': True, 'order_id': 'K1', 'exchange': 'Kraken', 'execution_price': 3000.5, 'executed_quantity': 0.2,
        'fees': 1.25}""",
    "APICostTracker.track_api_call": "None",
    "SignalDeliveryService._deliver_telegram": "Row(id=7, status=Status.DELIVERED)",
    "SignalDeliveryService._deliver_webhook": "Row(id=8, status='failed', error_message='gone')",
    "SignalPerformanceService.track_signal_outcome": "{'outcome': 'win', 'profit_pct': 3.2}",
    "ConsensusEngine.generate_consensus": """{
        'success': True, 'consensus_score': 82.5, 'confidence_threshold_met': True,
        'cost_summary': {'models_used': ['gpt-4', 'claude']}}""",
    "CreditLedger.consume_credits": """Row(id=UUID(int=5), transaction_type=Kind.USAGE, amount=-3, balance_before=10,
        balance_after=Decimal('7'))""",
    "CreditLedger.add_credits": "Row(id=1, transaction_type='purchase', amount=10, balance_before=0, balance_after=10)",
    "CreditLedger.refund_credits": "Row(id=2, transaction_type='refund', amount=1, balance_before=7, balance_after=8)",
    "PaperTradingEngine.execute_paper_trade": """{
        'success': True, 'paper_trade': {'trade_id': 'P1', 'quantity': 2, 'entry_price': 0}}""",
    "PortfolioRiskService.risk_analysis": "{'success': True, 'risk_metrics': {'var_95_percent': 4.5}}",
    "EmergencyManager.get_emergency_status": "{'success': True, 'result': {'success': False, 'error': 'no venue'}}",
    "EmergencyManager.execute_emergency_protocol": "{'success': True, 'execution_time_ms': 1500}",
}
ARGUMENTS = {
    "EmergencyManager.execute_emergency_protocol": "'u1', 'critical', {}, 'drawdown'",
    "TradeExecutionService.execute_real_trade": "'BTC/USDT', 'sell', 0.2, 'limit', 'kraken', 'u2'",
    "TradeExecutionService.execute_trade": (
        "{'symbol': 'BTC/USDT', 'action': 'BUY', 'quantity': '0.1', 'exchange': 'Binance', 'order_type': 'MARKET'},"
        "'u1', False, 's1'"
    ),
    "APICostTracker.track_api_call": "'coingecko', '/coins', 'GET', 0.0125, 'u1'",
    "CreditLedger.consume_credits": "None, Row(user_id=UUID(int=9)), 3, 'a signal', 'signals'",
    "PaperTradingEngine.execute_paper_trade": "'u1', 'ETH/USDT', 'sell', 2, 's2', 'market'",
    "SignalDeliveryService._deliver_telegram": "None, None, None, {}, '', Row(name='momentum'), 'e1', None, 1",
    "SignalDeliveryService._deliver_webhook": "None, {}, '', Row(name='momentum'), 'e2', 'hook', None, 1",
    "SignalPerformanceService.track_signal_outcome": "None, Row(id=UUID(int=3), symbol='ETH/USDT')",
    "PortfolioRiskService.risk_analysis": "'u1', 30, [95]",
}
BASES = {"PortfolioRiskServiceExtended": "PortfolioRiskService"}
# Beside the methods of the facts: an override that goes on to what it overrides, what is private, and what is hot.
MORE = {
    "PortfolioRiskServiceExtended": """
    async def health_check(self):
        return await super().health_check()
""",
    "TradeExecutionService": """
    def _quote(self):
        return 1
    def to_dict(self):
        return {"quote": self._quote()}
""",
}
HEAD = """
from decimal import Decimal
from enum import Enum
from uuid import UUID
from app import links

class Kind(Enum):
    USAGE = "usage"

class Status(str, Enum):
    DELIVERED = "delivered"

class Row:
    def __init__(self, **values):
        self.__dict__.update(values)
    @property
    def event(self):
        raise RuntimeError("read from the database")

"""
LINKS = """
import importlib
import inspect
from contextvars import ContextVar

# What each service calls, when it is asked to: module, object, method, number of arguments.
CALLS = LISTED
ON = False
_INSIDE = ContextVar("inside", default=False)

async def follow(service):
    if not ON or _INSIDE.get():
        return
    token = _INSIDE.set(True)
    try:
        for module, single, method, count in CALLS.get(service, ()):
            await finish(getattr(getattr(importlib.import_module(module), single), method)(*[None] * count))
    finally:
        _INSIDE.reset(token)

async def finish(result):
    if inspect.isawaitable(result):
        await result
    elif hasattr(result, "__aiter__"):
        async for _ in result:
            pass
"""
RUN = """
import asyncio, importlib, sys
import main
from app import links
CALLS_OF = lambda: [
    LISTED
]

async def every():
    for module, single, method, given in CALLS_OF():
        await links.finish(getattr(getattr(importlib.import_module(module), single), method)(*given()))

async def linked():
    links.ON = True
    for module, single, method, count in STARTS:
        await links.finish(getattr(getattr(importlib.import_module(module), single), method)(*[None] * count))
    links.ON = False

async def twelve():
    from app.services import trade_execution
    for each in trade_execution.instances_of_tradeexecutionservice:
        await each.get_positions("of the twelve")

async def inherited():
    from app.services.portfolio_risk_core import portfolioriskserviceextended
    await portfolioriskserviceextended.health_check()
    await portfolioriskserviceextended.get_portfolio("inherits")

async def hot():
    from app.services.trade_execution import tradeexecutionservice
    for _ in range(1000):
        tradeexecutionservice.to_dict()

async def again():
    from app.services import system_journal
    before = system_journal.SystemJournalService
    importlib.reload(system_journal)
    assert system_journal.SystemJournalService is not before
    await system_journal.systemjournalservice.execute_function("reloaded")

async def stay():
    # Until whoever started it has seen enough.
    print("standing", flush=True)
    await asyncio.to_thread(sys.stdin.read)

async def run():
    for part in sys.argv[1:] or ["every"]:
        await globals()[part]()

if __name__ == "__main__":
    asyncio.run(run())
    print("done")
"""


def calls() -> int:
    """How many methods `every` calls."""
    return sum(len(methods) or 1 for methods in CLASSES.values())


def edges() -> set[tuple[str, str]]:
    """Who calls whom when all is `linked`."""
    return {(service, callee) for service, known in SERVICES.items() for callee in _callees(known)}


def write(folder: Path) -> None:
    """The package `app`, `main.py` and `run.py`."""
    modules: dict[str, list[str]] = {}
    firsts = {known["targets"][0]: service for service, known in SERVICES.items() if "shares" not in known}
    counts = {known["targets"][0]: known.get("instances", 1) for known in SERVICES.values() if "shares" not in known}
    listed = []
    for target in CLASSES:
        module, _, name = target.partition(":")
        modules.setdefault(module, [HEAD]).append(_class(target, name, firsts.get(target)))
        modules[module].append(_instances(name, counts.get(target, 1)))
        for method, (_, *parameters) in _methods(target).items():
            listed.append(f"({module!r}, {name.lower()!r}, {method!r}, lambda: ({_given(name, method, parameters)})),")
    for module, parts in modules.items():
        _put(folder, module, "".join(parts))
    table = {service: [_start(callee) for callee in _callees(known)] for service, known in SERVICES.items()}
    _put(folder, "app.links", LINKS.replace("LISTED", repr(table)))
    starts = [_start(service) for service, known in SERVICES.items() if "shares" not in known]
    text = HEAD + RUN.replace("STARTS", repr(starts)).replace(
        "    LISTED\n", "".join(f"    {each}\n" for each in listed)
    )
    _put(folder, "run", text)
    _put(folder, "main", _main())


def _main() -> str:
    """What the platform's own start imports at once, and what only in a function."""
    reached: dict[str, list[str]] = {"boot": [], "lazy": []}
    for known in SERVICES.values():
        if known.get("reach") in reached:
            reached[known["reach"]] += [target.partition(":")[0] for target in known["targets"]]
    late = "".join(f"    import {name}\n" for name in dict.fromkeys(reached["lazy"]))
    return "".join(f"import {name}\n" for name in dict.fromkeys(reached["boot"])) + f"\ndef later():\n{late}"


def _callees(known: Mapping[str, Any]) -> list[str]:
    return [callee for callee in known.get("calls", ()) if "shares" not in SERVICES[callee]]


def _start(service: str) -> tuple[str, str, str, int]:
    """The method of a service that is called from elsewhere: its first."""
    module, _, name = SERVICES[service]["targets"][0].partition(":")
    method, (_, *parameters) = next(iter(_methods(f"{module}:{name}").items()))
    return module, name.lower(), method, len([each for each in parameters if each[0] != "*"])


def _methods(target: str) -> Mapping[str, list[str]]:
    return CLASSES[target] or {"act": ["async"]}


def _given(name: str, method: str, parameters: list[str]) -> str:
    given = ARGUMENTS.get(f"{name}.{method}", ", ".join("None" for each in parameters if each[0] != "*"))
    return f"{given}{',' if given else ''}"


def _class(target: str, name: str, service: str | None) -> str:
    head = f"class {name}({BASES[name]}):\n" if name in BASES else f"class {name}:\n"
    body = [
        _method(name, method, kind, parameters, service if place == 0 else None)
        for place, (method, (kind, *parameters)) in enumerate(_methods(target).items())
    ]
    return head + "".join(body) + MORE.get(name, "") + "\n"


def _instances(name: str, count: int) -> str:
    # Made while the module is imported, before anybody can have wrapped the class.
    single = f"{name.lower()} = {name}()\n"
    return f"{single}instances_of_{name.lower()} = [{name.lower()}, *({name}() for _ in range({count - 1}))]\n\n"


def _method(name: str, method: str, kind: str, parameters: list[str], service: str | None) -> str:
    answer = ANSWERS.get(f"{name}.{method}", "None")
    ends = f"yield {answer}" if "generator" in kind else f"return {answer}"
    start = "async def" if "async" in kind else "def"
    follow = f"        await links.follow({service!r})\n" if service and "async" in kind else ""
    taken = ["self", *(each if each.startswith("*") else f"{each}=None" for each in parameters)]
    return f"    {start} {method}({', '.join(taken)}):\n{follow}        {ends}\n"


def _put(folder: Path, module: str, code: str) -> None:
    path = folder.joinpath(*module.split(".")).with_suffix(".py")
    folder.mkdir(exist_ok=True)
    for parent in reversed(path.relative_to(folder).parents[:-1]):
        (folder / parent).mkdir(exist_ok=True)
        (folder / parent / "__init__.py").touch()
    path.write_text(code, encoding="utf-8")
