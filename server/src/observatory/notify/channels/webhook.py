"""A webhook in Alertmanager's format, version 4."""

from __future__ import annotations

from collections.abc import Mapping

from observatory.model.notification import Outcome
from observatory.notify import v4
from observatory.notify.channels.channel import Sent, Tools, answered
from observatory.notify.http import AddressRefused
from observatory.state.deliveries import Delivery

AGENT = "Observatory"


class Webhook:
    """Posts to one address.

    Args:
        url: where to.
        headers: what is sent beside the usual ones.
        tools: how.
    """

    def __init__(self, url: str, headers: Mapping[str, str], tools: Tools) -> None:
        self._url = url
        self._headers = {"Content-Type": "application/json", "User-Agent": AGENT, **headers}
        self._tools = tools

    async def send(self, delivery: Delivery) -> Sent:
        """Post it. `Idempotency-Key` is the same each time that the same delivery is sent."""
        body = v4.payload(delivery, self._tools.links)
        return await posted(self._tools, self._url, body, self._headers | {"Idempotency-Key": delivery.key})


async def posted(tools: Tools, url: str, body: bytes, headers: Mapping[str, str]) -> Sent:
    """Post a body, and say how it went."""
    try:
        answer = await tools.poster.post(url, body, headers)
    except AddressRefused as error:
        return Sent(Outcome.FAILED, str(error))
    except TimeoutError:
        return Sent(Outcome.FAILED, f"no answer within {tools.timeout_s:g} s")
    except OSError as error:
        return Sent(Outcome.FAILED, f"cannot be reached: {error}")
    return answered(answer.status, answer.text, answer.retry_after_s)
