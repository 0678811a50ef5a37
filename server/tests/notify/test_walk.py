"""From a change of an alert to a webhook and the ledger."""

from __future__ import annotations

from alert_scenes import ends, fires
from notify_scenes import Posts, hook
from outside import Outside

from observatory.model.notification import DeliveryState


async def test_an_alert_that_fires_is_told_to_a_webhook_and_stands_in_the_ledger(
    open_post: Posts, world: Outside
) -> None:
    post = await open_post([hook(world)])
    change = fires("credits.negative_balances.critical", member="user-7")
    await post.told(change)
    (asked,) = world.asked
    told = asked.json
    assert (told["status"], told["version"]) == ("firing", "4")
    assert [each["fingerprint"] for each in told["alerts"]] == [change.alert.fingerprint]
    (kept,) = await post.ledger()
    assert (kept.channel, kept.state, kept.attempts) == ("hook", DeliveryState.SENT, 1)
    assert kept.key == asked.headers["idempotency-key"]
    await post.told(ends("credits.negative_balances.critical", member="user-7", after_s=60), after_s=60)
    assert [each.json["status"] for each in world.asked] == ["firing", "resolved"]
