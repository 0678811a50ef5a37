"""Rate limits read from headers, good and bad."""

from __future__ import annotations

from decimal import Decimal
from importlib import resources

import pytest
import yaml

from observatory_sdk.exchanges import rate_limits
from observatory_sdk.exchanges.rate_limits import SAYS, Limits

NOW_NS = 1_760_000_000_000_000_000


def _read(exchange: str, status: int = 200, host: str = "api.binance.com", **headers: str) -> Limits:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return rate_limits.of(exchange).read(host, status, named, NOW_NS)


def test_every_header_of_the_file_says_what_it_means_and_where_that_stands() -> None:
    text = resources.files("observatory_sdk.exchanges").joinpath("rate_limits.yaml").read_text("utf-8")
    venues = yaml.safe_load(text)["venues"]
    assert {"binance", "kraken", "kucoin", "coinbase", "bybit", "okx"} <= venues.keys()
    for venue in venues.values():
        assert venue["source"].startswith("https://")
        assert all(header["says"] in SAYS and header["meaning"].endswith(".") for header in venue["headers"])
        assert all(header["name"] == header["name"].lower() for header in venue["headers"])


def test_weight_used_is_held_against_the_documented_limit() -> None:
    assert _read("binance", X_MBX_USED_WEIGHT_1M="1500") == Limits(Decimal(1500), Decimal(6000), Decimal("0.75"), None)
    assert _read("binance", host="fapi.binance.com", x_mbx_used_weight_1m="2400").headroom_ratio == 0


def test_what_is_left_tells_what_was_used() -> None:
    found = _read("bybit", X_Bapi_Limit="100", X_Bapi_Limit_Status="99")
    assert (found.used, found.limit, found.headroom_ratio) == (Decimal(1), Decimal(100), Decimal("0.99"))


def test_a_quota_that_begins_anew_is_a_wait_only_for_who_was_refused() -> None:
    headers = {"gw_ratelimit_limit": "2000", "gw_ratelimit_remaining": "0", "gw_ratelimit_reset": "12500"}
    assert _read("kucoin", 429, **headers).retry_after_s == Decimal("12.5")
    assert _read("kucoin", 200, **headers).retry_after_s is None
    reset = str(NOW_NS // 1_000_000 + 3_000)
    assert _read("bybit", 403, X_Bapi_Limit_Reset_Timestamp=reset).retry_after_s == 3


def test_retry_after_is_read_of_any_venue_as_seconds_or_date() -> None:
    assert _read("nobody", 429, Retry_After="7").retry_after_s == 7
    assert _read("kraken", 429, retry_after="Thu, 09 Oct 2025 08:54:00 GMT").retry_after_s == 40
    assert _read("kraken", 429, retry_after="Thu, 09 Oct 2020 08:54:00 GMT").retry_after_s is None


@pytest.mark.parametrize(
    "rubbish", ["", "-5", "nan", "inf", "1e400", "many", "--", "0x10", "9" * 90, "\x00", "٣", "1_0"]
)
def test_rubbish_in_a_header_is_as_if_it_were_not_there(rubbish: str) -> None:
    found = _read("kucoin", 429, gw_ratelimit_limit=rubbish, gw_ratelimit_remaining=rubbish, Retry_After=rubbish)
    assert found.used is None
    assert found.headroom_ratio is None
    for value in (found.limit, found.retry_after_s):
        assert value is None or 0 <= value < 10**20


def test_more_left_than_allowed_is_no_use_below_zero() -> None:
    found = _read("kucoin", gw_ratelimit_limit="10", gw_ratelimit_remaining="11")
    assert (found.used, found.headroom_ratio) == (None, None)
    assert _read("binance", x_mbx_used_weight_1m="99999").headroom_ratio == 0


def test_a_venue_teaches_its_limit() -> None:
    venue = rate_limits.of("binance")
    right = {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 1200}
    venue.learn("taught.test", {"rateLimits": [{"rateLimitType": "ORDERS", "limit": 3}, right, None]})
    assert venue.read("taught.test", 200, {"x-mbx-used-weight-1m": "600"}, NOW_NS).headroom_ratio == Decimal("0.5")
    for answer in (None, [], {"rateLimits": None}, {"rateLimits": [right | {"limit": -1}]}, {"rateLimits": 7}):
        venue.learn("taught.test", answer)
    assert venue.taught.pop("taught.test") == 1200
