"""A broker as a source: its connection, its bridges, and what can be asked of them."""

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from functools import partial
from typing import Any, Final, override

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.helpers.device_registry import DeviceEntry
from homeassistant.helpers.event import async_call_later
from homeassistant.util import dt as dt_util

from ..const import (
    CONF_BASE_TOPICS,
    CONF_CHECK_INTERVAL,
    DEFAULT_CHECK_INTERVAL,
)
from ..coordinator import HomelabCoordinator, as_setup_error
from ..devices import key_of
from ..errors import AuthenticationError, CannotConnectError, HomelabError
from ..keys import kind_of
from ..source_base import BaseSource
from .client import BrokerClient
from .connect import async_address
from .control import async_command
from .coordinator import BridgesSection, BrokerSection, RadioWatch
from .devices import MqttDevices
from .entities import TABLES
from .identify import async_identify
from .models import BRIDGE, BROKER, Bridge, base_of, bridge_key
from .protocol import DISCOVERY, base_of_state, part_topic
from .tracker import BridgeTracker

# Retained messages come at once after a subscription; a bridge whose state has not
# come by then has none on this broker.
_GRACE: Final = timedelta(seconds=2)
# How long the words of many devices are collected before they are counted.
_BURST: Final = timedelta(milliseconds=250)
# Nobody has more bridges on a broker; others may publish as many such topics.
_MOST_CANDIDATES: Final = 64


class MqttSource(BaseSource[MqttDevices]):
    """A broker behind one config entry."""

    tables = TABLES
    client: BrokerClient

    def __init__(self, hass: HomeAssistant, entry: ConfigEntry[Any]) -> None:
        """Prepare the sections; nothing is sent yet."""
        super().__init__(hass, entry)
        self.broker = BrokerSection(self)
        self.bridges = BridgesSection(self)
        self.coordinators: Mapping[str, HomelabCoordinator[Any]] = {
            section.section: section for section in (self.broker, self.bridges)
        }
        self.devices = MqttDevices(self)
        self.trackers: dict[str, BridgeTracker] = {}
        self.watches: dict[str, RadioWatch] = {}
        self._handlers: dict[str, Callable[[bytes], None]] = {}
        self._awaited: set[str] = set()
        self._timers: dict[str, CALLBACK_TYPE] = {}
        self._outcome: asyncio.Future[None] = hass.loop.create_future()
        self._changed = asyncio.Event()

    # --- life -----------------------------------------------------------------

    async def async_start(self) -> None:
        """Connect once; from then on a lost connection is a state, not a failure."""
        address = await async_address(self.hass, self.entry.data)
        self.client = BrokerClient(
            address,
            on_message=self._async_receive,
            on_connection=self._async_connection_changed,
        )
        self.client.subscribe((*DISCOVERY, *self.broker.handlers))
        for base in self._known_bases():
            self._async_track(base, confirmed=True)
        for base in self.entry.options.get(CONF_BASE_TOPICS, ()):
            self._async_track(base, confirmed=False)
        self.devices.async_update()
        self.entry.async_on_unload(self._async_stop)
        self.entry.async_create_background_task(
            self.hass, self.client.run(), f"{self.entry.title} connection"
        )
        try:
            await self._outcome
        except HomelabError as err:
            raise as_setup_error(err, self.entry.title) from err

    async def async_fetch_details(self) -> None:
        """Everything comes by itself."""

    @callback
    def _async_stop(self) -> None:
        for watch in self.watches.values():
            watch.async_stop()
        for cancel in self._timers.values():
            cancel()

    @callback
    def _async_call_in(
        self, name: str, delay: timedelta, action: Callable[[], None]
    ) -> None:
        """Do something later; of each name only the last one counts."""
        if cancel := self._timers.pop(name, None):
            cancel()

        @callback
        def act(now: datetime) -> None:
            del self._timers[name]
            action()

        self._timers[name] = async_call_later(self.hass, delay, act)

    def _known_bases(self) -> list[str]:
        """Return the bridges from before: the broker may have forgotten them."""
        return [
            base_of(key) for key in self.devices.known_keys() if kind_of(key) == BRIDGE
        ]

    # --- what the protocol of a source asks -----------------------------------

    @property
    @override
    def inventory(self) -> BrokerSection:
        """The section that never fails; what items exist, both say together."""
        return self.broker

    @property
    @override
    def is_connected(self) -> bool:
        return self.broker.broker.connected

    def is_reachable(self, key: str) -> bool:
        """Say whether what is known of the item is from now."""
        if key == BROKER:
            return self.is_connected
        bridge = self.bridges.data.get(key)
        return self.is_connected and bridge is not None and bridge.online is True

    @override
    def may_remove_device(self, device: DeviceEntry) -> bool:
        """Let go of a bridge that is not there; it comes back when it speaks again."""
        key = key_of(device)
        if key is None or key == BROKER or self.is_reachable(key):
            return False
        self._async_forget(base_of(key))
        return True

    async def async_command(
        self, key: str, command: StrEnum, arguments: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Carry out a command on a bridge."""
        return await async_command(self, base_of(key), command, arguments)

    def diagnostics(self) -> dict[str, Any]:
        """Return how the sections fare and what is known, without any address."""
        return {
            "connected": self.is_connected,
            "version": self.broker.broker.version,
            "error": type(self.broker.last_error).__name__
            if self.broker.last_error
            else None,
            "refused_topics": sorted(self.client.refused_topics),
            "candidates": len(self.trackers) - len(self.bridges.data),
        }

    # --- the connection -----------------------------------------------------------

    @callback
    def _async_connection_changed(self, err: HomelabError | None) -> None:
        if err is None:
            self.broker.async_connected()
            self._awaited = set(self.trackers)
            self._async_call_in("grace", _GRACE, self._async_grace_over)
            if not self._outcome.done():
                self._outcome.set_result(None)
            return
        if not self._outcome.done():
            self._outcome.set_exception(err)
            return
        if isinstance(err, AuthenticationError):
            self.entry.async_start_reauth(self.hass)
        self.broker.async_disconnected(err)
        self.bridges.async_lost(err)
        self._async_changed()

    @callback
    def _async_grace_over(self) -> None:
        """What has not said anything on this connection is not known any more."""
        for base in self._awaited & self.trackers.keys():
            self.trackers[base].set_online(None)
            self.async_show(self.trackers[base])
        self._async_all_heard()

    @callback
    def _async_all_heard(self) -> None:
        self._awaited = set()
        if self.is_connected:
            self.bridges.async_regained()

    # --- what is published ----------------------------------------------------------

    @callback
    def _async_receive(self, topic: str, payload: bytes) -> None:
        if handler := self._handlers.get(topic):
            handler(payload)
        elif topic.startswith("$SYS/"):
            self._async_receive_system(topic, payload)
        elif payload and (base := base_of_state(topic)) is not None:
            self._async_find(base, topic, payload)

    @callback
    def _async_find(self, base: str, topic: str, payload: bytes) -> None:
        if base not in self.trackers and len(self.trackers) < _MOST_CANDIDATES:
            self._async_track(base, confirmed=False)
            self._handlers[topic](payload)

    @callback
    def _async_receive_system(self, topic: str, payload: bytes) -> None:
        parts = topic.split("/")
        if parts[1] == "brokers" and len(parts) > 3:
            parts[2] = "+"
        if taker := self.broker.handlers.get("/".join(parts)):
            taker(topic, payload)
            self.devices.async_update()

    @callback
    def _async_track(self, base: str, *, confirmed: bool) -> None:
        """Begin to listen to what may be a bridge."""
        if base in self.trackers:
            return
        tracker = BridgeTracker(base, self._async_answer, confirmed=confirmed)
        interval = self.entry.options.get(CONF_CHECK_INTERVAL, DEFAULT_CHECK_INTERVAL)
        self.trackers[base] = tracker
        self.watches[base] = RadioWatch(self, tracker, timedelta(minutes=interval))
        self._async_listen(tracker)
        if confirmed:
            self.bridges.data = {**self.bridges.data, bridge_key(base): tracker.bridge}

    @callback
    def _async_answer(self, payload: bytes) -> None:
        self.client.answer(payload)

    @callback
    def _async_listen(self, tracker: BridgeTracker) -> None:
        """Subscribe what the bridge needs now, and nothing that it does not."""
        prefix = f"{tracker.bridge.base}/"
        wanted = tracker.topics
        others = {
            f"{base}/"
            for base in self.trackers
            if base != tracker.bridge.base and base.startswith(prefix)
        }
        gone = [
            topic
            for topic in self._handlers
            if topic.startswith(prefix)
            and topic not in wanted
            and not topic.startswith(tuple(others))
        ]
        for topic in gone:
            del self._handlers[topic]
        for topic, handle in wanted.items():
            self._handlers[topic] = partial(self._async_take, tracker, topic, handle)
        self.client.unsubscribe(gone)
        self.client.subscribe(wanted)

    @callback
    def _async_take(
        self,
        tracker: BridgeTracker,
        topic: str,
        handle: Callable[[bytes], None],
        payload: bytes,
    ) -> None:
        before, was_confirmed = tracker.bridge, tracker.is_confirmed
        handle(payload)
        base = tracker.bridge.base
        if topic == part_topic(base, "state"):
            self._awaited.discard(base)
            if not self._awaited:
                self._async_all_heard()
            if tracker.bridge.online and tracker.bridge.info is None:
                self._async_call_in(
                    f"identify {base}", _GRACE, partial(self._async_identify, base)
                )
        if not tracker.is_counted:
            self._async_count_soon(tracker)
        if tracker.bridge is before and tracker.is_confirmed is was_confirmed:
            return
        if _listens_differently(before, tracker.bridge):
            self._async_listen(tracker)
        self.async_show(tracker)

    @callback
    def _async_count_soon(self, tracker: BridgeTracker) -> None:
        """Count what a burst says once: a bridge that comes speaks of all devices."""

        def count() -> None:
            before = tracker.bridge
            tracker.count_offline()
            if tracker.bridge is not before:
                self.async_show(tracker)

        name = f"count {tracker.bridge.base}"
        if name not in self._timers:
            self._async_call_in(name, _BURST, count)

    @callback
    def async_show(self, tracker: BridgeTracker) -> None:
        """Show what changed about a bridge, once it is known to be one."""
        is_forgotten = self.trackers.get(tracker.bridge.base) is not tracker
        if is_forgotten or not tracker.is_confirmed:
            return
        key = bridge_key(tracker.bridge.base)
        is_new = key not in self.bridges.data
        self.bridges.async_set_item(key, tracker.bridge)
        self.devices.async_update()
        self.watches[tracker.bridge.base].async_follow()
        self._async_expect_closing(tracker)
        self._async_changed()
        if is_new:
            self._async_tell_new()

    @callback
    def _async_tell_new(self) -> None:
        """Tell all brokers: the newest version among them is news to each."""
        for source in self._all_sources():
            source.async_shape_changed()

    def _all_sources(self) -> list[MqttSource]:
        """Return the sources of all brokers, this one first."""
        loaded = self.hass.config_entries.async_loaded_entries(self.entry.domain)
        others = (entry.runtime_data for entry in loaded if entry is not self.entry)
        return [self, *(other for other in others if isinstance(other, MqttSource))]

    def all_bridges(self) -> list[Bridge]:
        """Return the bridges of all brokers."""
        return [
            bridge
            for source in self._all_sources()
            for bridge in source.bridges.data.values()
        ]

    @callback
    def _async_expect_closing(self, tracker: BridgeTracker) -> None:
        info = tracker.bridge.info
        if info is None or not info.permit_join or info.permit_join_end is None:
            return

        def close() -> None:
            if tracker.close_network(dt_util.utcnow()):
                self.async_show(tracker)

        left = info.permit_join_end - dt_util.utcnow()
        self._async_call_in(
            f"close {tracker.bridge.base}", max(left, timedelta()) + _GRACE, close
        )

    @callback
    def _async_forget(self, base: str) -> None:
        tracker = self.trackers.pop(base, None)
        if tracker is None:
            return
        self.watches.pop(base).async_stop()
        gone = [topic for topic in tracker.topics if topic in self._handlers]
        for topic in gone:
            del self._handlers[topic]
        self.client.unsubscribe(gone)
        self.bridges.async_drop_item(bridge_key(base))
        self.async_shape_changed()

    # --- bridges that the broker has lost the words of --------------------------------

    @callback
    def _async_identify(self, base: str) -> None:
        """Ask who is online without having said what it is."""
        tracker = self.trackers.get(base)
        if tracker is None or tracker.bridge.info is not None or not self.is_connected:
            return
        self.entry.async_create_background_task(
            self.hass, async_identify(self, tracker), f"{self.entry.title} {base}"
        )

    # --- waiting for a change --------------------------------------------------------

    @callback
    def _async_changed(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    async def async_wait_for(
        self, base: str, is_reached: Callable[[BridgeTracker], bool]
    ) -> None:
        """Wait until the bridge is as wanted; the caller sets the time-out."""
        while not is_reached(self.trackers[base]):
            if not self.is_connected:
                raise CannotConnectError("the broker went away")
            await self._changed.wait()


def _listens_differently(before: Bridge, after: Bridge) -> bool:
    """Say whether the change is one of those that decide which topics are needed."""
    watched = [b.info is not None and b.info.availability for b in (before, after)]
    return watched[0] != watched[1] or before.devices is not after.devices
