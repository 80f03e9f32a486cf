"""The sections of a gateway: itself, its devices, and whether it answers."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final, override

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.helpers.event import async_call_later
from homeassistant.util import dt as dt_util

from ..coordinator import HomelabCoordinator, StreamCoordinator
from ..errors import CommandRefusedError
from .client import DeconzClient
from .models import Change, GatewayConfig, Network, Part, PartEvent, PartKey

# The websocket does not tell when the configuration changes.
_INTERVAL_CONFIG: Final = timedelta(seconds=30)
# What the websocket tells needs no poll; this finds what it did not.
_INTERVAL_DEVICES: Final = timedelta(minutes=10)
_INTERVAL_DEVICES_WITHOUT_EVENTS: Final = timedelta(minutes=1)

# How many parts that it does not list are looked for, per connection.
_MOST_UNLISTED: Final = 100

# A gateway that is busy for so many polls in a row is no longer believed to be fine.
_BUSY_POLLS: Final = 3
# After a command the gateway says for about a second what was before it.
_SETTLING_SECONDS: Final = 2.0
# How long a gateway opens its network if nobody changed that.
_OPEN_SECONDS: Final = 60
# What it counts down is told in whole seconds, and a poll takes a while.
_SAME_MOMENT: Final = timedelta(seconds=3)


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """Whether the gateway answers, which is known also while it does not."""

    connected: bool


class ConnectionCoordinator(StreamCoordinator[Connection]):
    """Follows whether the gateway answers; this section itself never fails."""

    def __init__(self, hass: HomeAssistant, entry: ConfigEntry[Any], key: str) -> None:
        """Prepare the section."""
        super().__init__(hass, entry, section="connection")
        self._key = key

    @property
    def connected(self) -> bool:
        """Whether the gateway answered the last time."""
        shown = self.data.get(self._key)
        return shown is not None and shown.connected

    @callback
    def async_note(self, *, connected: bool) -> None:
        """Show whether the gateway answered the last time."""
        self.async_set_item(self._key, Connection(connected=connected))


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayNow:
    """The configuration, and until when devices may join."""

    config: GatewayConfig
    permits_until: datetime | None

    @property
    def permits_join(self) -> bool | None:
        """Whether devices may join now, None for a gateway that does not tell."""
        seconds = self.config.permit_join_seconds
        return None if seconds is None else seconds > 0


class GatewayCoordinator(HomelabCoordinator[GatewayNow]):
    """Polls the configuration, which says how the radio is."""

    def __init__(
        self,
        hass: HomeAssistant,
        entry: ConfigEntry[Any],
        client: DeconzClient,
        key: str,
    ) -> None:
        """Prepare the section; `key` is its only item."""
        super().__init__(hass, entry, section="gateway", interval=_INTERVAL_CONFIG)
        self._client = client
        self._key = key
        self._busy = 0
        self._next_look: CALLBACK_TYPE | None = None
        entry.async_on_unload(self._async_cancel_look)

    @property
    def config(self) -> GatewayConfig | None:
        """The configuration as it was told last."""
        now = self.data.get(self._key)
        return None if now is None else now.config

    @override
    async def async_fetch(self) -> dict[str, GatewayNow]:
        try:
            config = await self._client.config()
        except CommandRefusedError:
            # It has answered, so what it said half a minute ago is as good as true.
            self._busy += 1
            if self.data and self._busy < _BUSY_POLLS:
                return self.data
            raise
        self._busy = 0
        now = self._now(config)
        if now.permits_until is not None:
            left = now.permits_until - dt_util.utcnow()
            self._async_look_in(left.total_seconds() + 1)
        return {self._key: now}

    @callback
    def async_note_join(self, *, permitted: bool) -> None:
        """Show what was commanded, and soon look at what the gateway made of it."""
        config = self.data[self._key].config
        seconds = (config.network_open_seconds or _OPEN_SECONDS) if permitted else 0
        self.async_set_item(
            self._key, self._now(replace(config, permit_join_seconds=seconds))
        )
        self._async_look_in(_SETTLING_SECONDS)

    def _now(self, config: GatewayConfig) -> GatewayNow:
        """Put a time to what is counted down, the same one poll after poll."""
        if not config.permit_join_seconds or config.permits_forever:
            return GatewayNow(config=config, permits_until=None)
        until = dt_util.utcnow() + timedelta(seconds=config.permit_join_seconds)
        before = self.data.get(self._key)
        last = None if before is None else before.permits_until
        if last is not None and abs(last - until) < _SAME_MOMENT:
            until = last
        return GatewayNow(config=config, permits_until=until.replace(microsecond=0))

    @callback
    def _async_look_in(self, seconds: float) -> None:
        async def look(_: datetime) -> None:
            self._next_look = None
            await self.async_refresh()

        self._async_cancel_look()
        self._next_look = async_call_later(self.hass, seconds, look)

    @callback
    def _async_cancel_look(self) -> None:
        if self._next_look is not None:
            self._next_look()
            self._next_look = None


class NetworkCoordinator(HomelabCoordinator[Network]):
    """Keeps the devices: read as a whole now and then, changed by events."""

    def __init__(
        self,
        hass: HomeAssistant,
        entry: ConfigEntry[Any],
        client: DeconzClient,
        key: str,
    ) -> None:
        """Prepare the section; `key` is its only item."""
        super().__init__(
            hass, entry, section="network", interval=_INTERVAL_DEVICES_WITHOUT_EVENTS
        )
        self._client = client
        self._key = key
        self._parts: Mapping[PartKey, Part] = {}
        self._unlisted: set[PartKey] = set()
        self.listening = False

    @override
    async def async_fetch(self) -> dict[str, Network]:
        self._parts = await self._client.parts()
        return {self._key: Network.of(self._parts)}

    async def async_listening(self, *, listening: bool) -> None:
        """Read everything, because events may have been missed or will be."""
        self.listening = listening
        self._unlisted.clear()
        self.update_interval = (
            _INTERVAL_DEVICES if listening else _INTERVAL_DEVICES_WITHOUT_EVENTS
        )
        await self.async_refresh()

    async def async_apply(self, event: PartEvent) -> None:
        """Change what an event is about, or read everything if that is not known."""
        part = self._parts.get(event.key)
        if event.change is Change.CHANGED and part is not None:
            if (changed := event.applied(part)) != part:
                self._async_set({**self._parts, event.key: changed})
            return
        if event.change is Change.DELETED:
            self._async_set(
                {key: kept for key, kept in self._parts.items() if key != event.key}
            )
        if event.change is Change.CHANGED and not self._is_news(event.key):
            return
        await self.async_request_refresh()

    def _is_news(self, key: PartKey) -> bool:
        """Say whether to look for a part that is not listed, which may be for ever."""
        if key in self._unlisted or len(self._unlisted) >= _MOST_UNLISTED:
            return False
        self._unlisted.add(key)
        return True

    @callback
    def _async_set(self, parts: Mapping[PartKey, Part]) -> None:
        self._parts = parts
        self.async_set_item(self._key, Network.of(parts))
