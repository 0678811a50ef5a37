"""What KuCoin and Coinbase say in words of their own; what all venues do alike is tested in `test_exchanges.py`."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest

from observatory_universe.chance import Chance
from observatory_universe.clock import Clock
from observatory_universe.faults.registry import Faults
from observatory_universe.ids import Ids
from observatory_universe.outside.exchanges import exchange_server
from observatory_universe.outside.market import Market
from observatory_universe.outside.venue import Venue
from observatory_universe.sockets.exchange import CcxtExchange
from observatory_universe.trade import Order

KUCOIN_KEYS = dict.fromkeys(("KC-API-KEY", "KC-API-SIGN", "KC-API-TIMESTAMP", "KC-API-PASSPHRASE"), "demo")
COINBASE_KEYS = dict.fromkeys(
    ("CB-ACCESS-KEY", "CB-ACCESS-SIGN", "CB-ACCESS-TIMESTAMP", "CB-ACCESS-PASSPHRASE"), "demo"
)

UUID = "00000000-0000-4000-8000-000000000001"


@dataclass(frozen=True)
class Far:
    """A venue's server, and a client that knows nothing of it."""

    url: str
    faults: Faults
    http: aiohttp.ClientSession

    async def asked(self, method: str, path: str, **more: Any) -> tuple[aiohttp.ClientResponse, Any]:
        """One call's answer and its body."""
        async with self.http.request(method, self.url + path, **more) as answer:
            text = await answer.text()
            return answer, json.loads(text) if answer.content_type == "application/json" else text


Serve = Callable[[str], AbstractAsyncContextManager[Far]]


@pytest.fixture
def serve() -> Serve:
    @asynccontextmanager
    async def served(venue: str) -> AsyncIterator[Far]:
        clock, chance = Clock(), Chance(7)
        faults = Faults(clock.now_ns)
        market = Market(clock, chance, faults, impulse_gap_s=60.0)
        core = Venue(venue, market, clock, chance, faults, Ids(clock))
        async with exchange_server(core) as server, aiohttp.ClientSession() as http:
            yield Far(server.url, faults, http)

    return served


async def heard(socket: aiohttp.ClientWebSocketResponse, kind: str) -> dict[str, Any]:
    """The next message of this type."""
    async with asyncio.timeout(60):
        while True:
            message: dict[str, Any] = await socket.receive_json()
            if message["type"] == kind:
                return message


async def kucoin_stream(far: Far) -> aiohttp.ClientWebSocketResponse:
    _, given = await far.asked("POST", "/api/v1/bullet-public")
    server = given["data"]["instanceServers"][0]
    return await far.http.ws_connect(f"{server['endpoint']}?token={given['data']['token']}&connectId=1")


async def test_a_call_that_is_not_signed_is_told_which_headers_it_lacks(serve: Serve) -> None:
    async with serve("kucoin") as far:
        answer, body = await far.asked("GET", "/api/v1/hf/orders/1")
        assert (answer.status, body["code"]) == (401, "400001")
        assert "KC-API-SIGN" in body["msg"]
    async with serve("coinbase") as far:
        answer, body = await far.asked("POST", "/orders", json={})
        assert (answer.status, body) == (401, {"message": "CB-ACCESS-KEY header is required"})


async def test_kucoin_tells_its_budget_with_every_answer_and_coinbase_never(serve: Serve) -> None:
    async with serve("kucoin") as far:
        before, _ = await far.asked("GET", "/api/v1/timestamp")
        after, _ = await far.asked("GET", "/api/v1/market/stats", params={"symbol": "BTC-USDT"})
        left = [int(answer.headers["gw-ratelimit-remaining"]) for answer in (before, after)]
        assert left[0] - left[1] == 15
        assert 0 <= int(after.headers["gw-ratelimit-reset"]) <= 60_000
    async with serve("coinbase") as far:
        answer, _ = await far.asked("GET", "/time")
        assert not [name for name in answer.headers if "limit" in name.lower()]


@pytest.mark.parametrize(("venue", "path"), [("kucoin", "/api/v1/timestamp"), ("coinbase", "/time")])
async def test_a_banned_address_is_answered_by_the_edge(serve: Serve, venue: str, path: str) -> None:
    async with serve(venue) as far:
        far.faults.begin("exchange_rate_limit_ban", venue, 45.0)
        answer, body = await far.asked("GET", path)
        assert (answer.status, body, answer.headers["Retry-After"]) == (429, "error code: 1015", "45")


async def test_kucoin_wraps_its_errors_into_answers_that_went_well(serve: Serve) -> None:
    async with serve("kucoin") as far:
        answer, body = await far.asked("GET", "/api/v1/market/stats", params={"symbol": "NO-SUCH"})
        assert (answer.status, body) == (200, {"code": "400100", "msg": "Unsupported trading pair."})
        order = {"clientOid": "one", "symbol": "BTC-USDT", "side": "buy", "type": "limit", "size": "0.01", "price": "9"}
        answer, body = await far.asked("POST", "/api/v1/hf/orders", json=order, headers=KUCOIN_KEYS)
        assert (answer.status, body["code"]) == (200, "400100")


async def test_coinbase_answers_a_new_order_as_pending_and_tells_the_rest_when_asked(serve: Serve) -> None:
    async with serve("coinbase") as far:
        order = {"client_oid": UUID, "product_id": "BTC-USDT", "side": "buy", "type": "market", "size": "0.01"}
        _, new = await far.asked("POST", "/orders", json=order, headers=COINBASE_KEYS)
        assert (new["status"], new["filled_size"], new["settled"]) == ("pending", "0", False)
        _, told = await far.asked("GET", f"/orders/client:{UUID}", headers=COINBASE_KEYS)
        assert (told["id"], told["status"], told["done_reason"]) == (new["id"], "done", "filled")
        _, fills = await far.asked("GET", "/fills", params={"order_id": new["id"]}, headers=COINBASE_KEYS)
        assert sum(float(fill["size"]) for fill in fills) == pytest.approx(0.01)
        refused, _ = await far.asked("POST", "/orders", json=order | {"client_oid": "mine"}, headers=COINBASE_KEYS)
        assert refused.status == 400


async def test_an_order_whose_client_id_is_no_uuid_is_found_at_coinbase_all_the_same(serve: Serve) -> None:
    async with serve("coinbase") as far:
        exchange = CcxtExchange("coinbase", far.url, Clock())
        try:
            order = Order("1", "cu-order-1", "u", "BTC/USDT", "buy", "live", "s", "g", None, 0.01, 1.0, quantity=0.01)
            placed = await exchange.create_order(order)
            assert (placed.client_id, placed.status) == ("cu-order-1", "filled")
            assert await exchange.fetch_order("BTC/USDT", "cu-order-1") == placed
        finally:
            await exchange.close()


async def test_kucoins_stream_wants_a_token_and_answers_pings(serve: Serve) -> None:
    async with serve("kucoin") as far:
        refused = await far.http.ws_connect(f"{far.url}/endpoint?token=guessed")
        assert (await heard(refused, "error"))["code"] == 401
        socket = await kucoin_stream(far)
        await heard(socket, "welcome")
        await socket.send_json({"id": "7", "type": "ping"})
        assert (await heard(socket, "pong"))["id"] == "7"
        await socket.send_str("what?")
        assert (await heard(socket, "error"))["code"] == 400
        await socket.close()


async def test_kucoins_topics_are_acknowledged_and_only_they_come(serve: Serve) -> None:
    async with serve("kucoin") as far:
        socket = await kucoin_stream(far)
        subscription = {"id": "1", "type": "subscribe", "topic": "/spotMarket/level1:BTC-USDT", "response": True}
        await socket.send_json(subscription)
        assert (await heard(socket, "ack"))["id"] == "1"
        for _ in range(2):
            message = await heard(socket, "message")
            assert (message["topic"], message["subject"]) == ("/spotMarket/level1:BTC-USDT", "level1")
        await socket.send_json({"id": "2", "type": "subscribe", "topic": "/market/nothing:BTC-USDT", "response": True})
        assert (await heard(socket, "error"))["code"] == 404
        await socket.close()


async def test_coinbase_begins_with_the_last_match_from_before_the_subscription(serve: Serve) -> None:
    async with serve("coinbase") as far:
        socket, late = [await far.http.ws_connect(far.url) for _ in range(2)]
        await socket.send_json({"type": "subscribe", "product_ids": ["BTC-USDT"], "channels": ["matches"]})
        subscribed = await heard(socket, "subscriptions")
        assert [channel["name"] for channel in subscribed["channels"]] == ["matches"]
        first = await heard(socket, "match")
        await late.send_json({"type": "subscribe", "channels": [{"name": "matches", "product_ids": ["BTC-USDT"]}]})
        last = await heard(late, "last_match")
        following = await heard(late, "match")
        assert first["trade_id"] <= last["trade_id"] == following["trade_id"] - 1
        assert following["sequence"] > last["sequence"]
        await socket.close()
        await late.close()


async def test_coinbase_refuses_channels_that_it_does_not_have(serve: Serve) -> None:
    async with serve("coinbase") as far:
        socket = await far.http.ws_connect(far.url)
        await socket.send_json({"type": "subscribe", "product_ids": ["BTC-USDT"], "channels": ["gossip"]})
        assert (await heard(socket, "error"))["reason"] == "gossip is not a valid channel"
        await socket.close()
