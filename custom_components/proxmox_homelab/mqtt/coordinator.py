"""The sections of a broker: itself, and the bridges found on it."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from homeassistant.core import CALLBACK_TYPE, callback
from homeassistant.helpers.event import async_call_later
from homeassistant.util import dt as dt_util

from ..coordinator import StreamCoordinator
from ..errors import (
    CannotConnectError,
    CommandTimeoutError,
    HomelabError,
)
from .models import BROKER, Bridge, Broker, Radio, RadioFault
from .parse import parse_count, parse_missing_routers, parse_started_at, parse_version
from .protocol import BROKER_CLIENTS, BROKER_UPTIME, BROKER_VERSION
from .tracker import BridgeTracker

if TYPE_CHECKING:
    from .source import MqttSource

# Zigbee2MQTT gives up on a stick that hangs after 18 s at most (measured).
CHECK_SECONDS: Final = 30.0
# The program itself answers at once, or hangs.
ALIVE_SECONDS: Final = 5.0
# What has just started is busy with its stick.
FIRST_CHECK: Final = timedelta(seconds=10)
# That something is in order again is wanted to be known sooner than that it is not.
RECHECK: Final = timedelta(minutes=1)
# Uptimes come in steps and late: a restart is a larger difference than that.
_JITTER: Final = timedelta(seconds=90)
# In the words of Zigbee2MQTT 2.14.1, which name no adapter.
_UNPROBEABLE: Final = "doesn't support backups"


class Section(StrEnum):
    """The sections by name."""

    BROKER = "broker"
    BRIDGES = "bridges"


class BrokerSection(StreamCoordinator[Broker]):
    """The broker, which is a thing to show whether it answers or not."""

    def __init__(self, source: MqttSource) -> None:
        """Start before the first connection."""
        super().__init__(source.hass, source.entry, section=Section.BROKER)
        self.data = {BROKER: Broker(connected=False)}
        self._clients: dict[str, int] = {}

    @property
    def broker(self) -> Broker:
        """The broker as it is known now."""
        return self.data[BROKER]

    @property
    def handlers(self) -> dict[str, Callable[[str, bytes], None]]:
        """The topics and filters of the broker itself, and who takes them."""
        return {
            **dict.fromkeys(BROKER_VERSION, self._take_version),
            **dict.fromkeys(BROKER_UPTIME, self._take_uptime),
            **dict.fromkeys(BROKER_CLIENTS, self._take_clients),
        }

    @callback
    def async_connected(self) -> None:
        """The broker answers; what it told before may be of another life of it."""
        self.last_error = None
        self._clients.clear()
        self.async_set_item(BROKER, replace(self.broker, connected=True, clients=None))

    @callback
    def async_disconnected(self, err: HomelabError) -> None:
        """The broker does not answer."""
        self.last_error = err
        self._set(connected=False, clients=None)

    def _take_version(self, topic: str, payload: bytes) -> None:
        if version := parse_version(payload):
            self._set(version=version)

    def _take_uptime(self, topic: str, payload: bytes) -> None:
        started_at = parse_started_at(payload, dt_util.utcnow())
        known = self.broker.started_at
        if started_at is None or (known and abs(started_at - known) < _JITTER):
            return
        self._set(started_at=started_at.replace(microsecond=0))

    def _take_clients(self, topic: str, payload: bytes) -> None:
        # A cluster of EMQX tells them node by node.
        if (count := parse_count(payload)) is not None:
            self._clients[topic] = count
            self._set(clients=sum(self._clients.values()))

    @callback
    def _set(self, **changes: Any) -> None:
        self.async_set_item(BROKER, replace(self.broker, **changes))


class BridgesSection(StreamCoordinator[Bridge]):
    """The Zigbee2MQTT bridges of the broker."""

    def __init__(self, source: MqttSource) -> None:
        """Start with none."""
        super().__init__(source.hass, source.entry, section=Section.BRIDGES)


class RadioWatch:
    """Asks the stick of one bridge whether it is still there, now and then.

    The state of a bridge whose stick hangs stays "online", and so does its health:
    only something that the stick itself has to answer tells (measured).
    """

    def __init__(
        self, source: MqttSource, tracker: BridgeTracker, interval: timedelta
    ) -> None:
        """Prepare; nothing is asked before `async_follow`."""
        self._source = source
        self._tracker = tracker
        self._interval = interval
        self._was_online = False
        self._cancel: CALLBACK_TYPE | None = None

    @callback
    def async_follow(self) -> None:
        """Begin to ask when the bridge comes, stop when it goes."""
        online = self._tracker.bridge.online is True and self._tracker.is_confirmed
        if online != self._was_online:
            self._was_online = online
            if online:
                self._async_ask_in(FIRST_CHECK)
            else:
                self.async_stop()

    @callback
    def async_stop(self) -> None:
        """Ask no more."""
        if self._cancel is not None:
            self._cancel()
            self._cancel = None

    @callback
    def async_hurry(self) -> None:
        """Ask soon: something has failed that the radio may be the reason of."""
        if self._was_online:
            self._async_ask_in(timedelta(seconds=1))

    @callback
    def _async_ask_in(self, delay: timedelta) -> None:
        self.async_stop()
        self._cancel = async_call_later(self._source.hass, delay, self._async_due)

    @callback
    def _async_due(self, now: datetime) -> None:
        self._cancel = None
        self._source.entry.async_create_background_task(
            self._source.hass,
            self._async_check_quietly(),
            f"{self._source.entry.title} {self._tracker.bridge.base} check",
        )

    async def _async_check_quietly(self) -> None:
        try:
            await self.async_check()
        except CannotConnectError:
            # The broker is gone, which has a sensor of its own.
            return

    async def async_check(self) -> Radio:
        """Ask now; raise `CannotConnectError` when there is no broker to ask by."""
        found = await self._async_ask()
        if not self._tracker.bridge.online:
            # It went away meanwhile, and with it what was found.
            return self._tracker.bridge.radio
        if found is None:
            self._tracker.set_unprobeable(dt_util.utcnow())
        else:
            self._tracker.set_radio(found)
        self._source.async_show(self._tracker)
        radio = self._tracker.bridge.radio
        self._async_ask_in(RECHECK if radio.problem else self._interval)
        return radio

    async def _async_ask(self) -> Radio | None:
        """Return what the stick says; None when it cannot be asked."""
        client, base = self._source.client, self._tracker.bridge.base
        try:
            answer = await client.request(
                base, "coordinator_check", {}, seconds=CHECK_SECONDS
            )
        except CommandTimeoutError:
            return await self._async_ask_program()
        if answer.error is None:
            return Radio(
                problem=False,
                checked_at=dt_util.utcnow(),
                missing_routers=parse_missing_routers(answer.data),
            )
        if _UNPROBEABLE in answer.error:
            return None
        return Radio(
            problem=True,
            fault=RadioFault.STICK_HANGS,
            error=answer.error,
            checked_at=dt_util.utcnow(),
        )

    async def _async_ask_program(self) -> Radio | None:
        """Tell a version that knows no such check from a program that hangs."""
        client, base = self._source.client, self._tracker.bridge.base
        try:
            await client.request(base, "health_check", {}, seconds=ALIVE_SECONDS)
        except CommandTimeoutError:
            fault = RadioFault.NOT_ANSWERING
        else:
            info = self._tracker.bridge.info
            if info is None or (info.version or "").startswith(("0.", "1.")):
                return None
            fault = RadioFault.STICK_HANGS
        return Radio(problem=True, fault=fault, checked_at=dt_util.utcnow())
