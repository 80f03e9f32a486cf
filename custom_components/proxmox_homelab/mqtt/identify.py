"""Asking a bridge what it is, when the broker has lost what it said.

A broker that restarts without its retained messages gets back the state only: the rest
comes when something changes, which may take weeks (measured on 2.14.1).
"""

from typing import TYPE_CHECKING, Final

from ..errors import HomelabError
from .tracker import BridgeTracker

if TYPE_CHECKING:
    from .source import MqttSource

_SECONDS: Final = 10.0


async def async_identify(source: MqttSource, tracker: BridgeTracker) -> None:
    """Find out whether this is a bridge, and make it publish its information again."""
    base = tracker.bridge.base
    try:
        answer = await source.client.request(base, "health_check", {}, seconds=_SECONDS)
        # Nobody but Zigbee2MQTT answers in this way.
        if answer.error is None and "healthy" in answer.data:
            tracker.is_confirmed = True
            source.async_show(tracker)
            # No option is changed by this, and whatever is asked of the options makes
            # the bridge tell them all.
            await source.client.request(
                base, "options", {"options": {}}, seconds=_SECONDS
            )
    except HomelabError:
        # It stays what it was: online, and nothing more is known of it.
        return
