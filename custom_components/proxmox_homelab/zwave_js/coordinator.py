"""The sections of a Z-Wave JS server: its radio, its network, and zwave-js-ui."""

from collections.abc import Callable
from datetime import timedelta
from enum import StrEnum
from typing import Any, Final, override

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.helpers.event import async_call_later

from ..coordinator import HomelabCoordinator, StreamCoordinator
from ..errors import CannotConnectError, HomelabError
from .client import UiClient
from .errors import DriverNotReadyError, OtherNetworkError
from .models import ControllerStatus, Network, Radio, RadioProblem, UiHealth, UiVersion

# A server that restarts, or whose driver lost its stick for a moment, is back by then.
# A stick that is lost for 20 s takes the server away for as little as 9.3 s, because
# the driver looks for it 12.5 s long before it gives up.
HOLD_OFF: Final = timedelta(seconds=9)
# The driver calls a jammed radio ready after a restart, "hoping for the best".
JAM_IS_OVER_AFTER: Final = timedelta(minutes=2)
UI_INTERVAL: Final = timedelta(seconds=60)


class Section(StrEnum):
    """The sections by name."""

    RADIO = "radio"
    NETWORK = "network"
    UI = "ui"


class NetworkCoordinator(StreamCoordinator[Network]):
    """What the server tells of its stick and nodes; it fails while that is away."""

    def __init__(self, hass: HomeAssistant, entry: ConfigEntry[Any], key: str) -> None:
        """Prepare the section."""
        super().__init__(hass, entry, section=Section.NETWORK)
        self._key = key

    @property
    def network(self) -> Network | None:
        """The network as it was told last."""
        return self.data.get(self._key)


class RadioCoordinator(StreamCoordinator[Radio]):
    """Whether the server is there and its radio works; it always knows.

    An unresponsive stick is called ready by the driver as soon as the serial port is
    open again, and unresponsive with the next command: 6 s of every 30. So it stays a
    problem until the stick has said something.
    """

    def __init__(self, hass: HomeAssistant, entry: ConfigEntry[Any], key: str) -> None:
        """Begin without a problem."""
        super().__init__(hass, entry, section=Section.RADIO)
        self.data = {key: Radio()}
        self.on_away: Callable[[HomelabError], None] = lambda err: None
        self._key = key
        self._unresponsive = False
        self._jammed = False
        self._away: RadioProblem | None = None
        self._lost: HomelabError | None = None
        self._cancel_away: CALLBACK_TYPE | None = None
        self._cancel_jam: CALLBACK_TYPE | None = None

    @property
    def is_away(self) -> bool:
        """Whether the server has been away for longer than a moment."""
        return self._away is not None

    @property
    def is_unresponsive(self) -> bool:
        """Whether the stick has said nothing since it was found unresponsive."""
        return self._unresponsive

    # --- the server ------------------------------------------------------------------

    @callback
    def async_connected(self) -> None:
        """The server is there."""
        self.async_cancel()
        self._lost = self._away = None
        self._jammed = False
        self._async_show()

    @callback
    def async_disconnected(self, err: HomelabError) -> None:
        """The server is away, or still away, which is shown after a moment."""
        self._lost = err
        if self._away is not None:
            self._async_show_away()
        elif self._cancel_away is None:
            self._cancel_away = async_call_later(
                self.hass, HOLD_OFF, self._async_held_off
            )

    @callback
    def async_cancel(self) -> None:
        """Wait for nothing any more."""
        for cancel in (self._cancel_away, self._cancel_jam):
            if cancel is not None:
                cancel()
        self._cancel_away = self._cancel_jam = None

    @callback
    def _async_held_off(self, _now: Any) -> None:
        self._cancel_away = None
        self._async_show_away()
        if self._lost is not None:
            self.on_away(self._lost)

    @callback
    def _async_show_away(self) -> None:
        match self._lost:
            case DriverNotReadyError():
                self._away = RadioProblem.DRIVER_FAILED
            case OtherNetworkError():
                self._away = RadioProblem.OTHER_NETWORK
            case _ if self._away is not RadioProblem.DRIVER_FAILED:
                self._away = RadioProblem.NO_CONNECTION
        self._async_show()

    @callback
    def async_driver_failed(self) -> None:
        """The server is away, and zwave-js-ui says that its driver has no stick."""
        if self._away is RadioProblem.NO_CONNECTION:
            self._away = RadioProblem.DRIVER_FAILED
            self._async_show()

    # --- the stick -------------------------------------------------------------------

    @callback
    def async_status(self, status: ControllerStatus | None) -> None:
        """Take what the driver believes of its stick."""
        match status:
            case ControllerStatus.UNRESPONSIVE:
                self._unresponsive = True
            case ControllerStatus.JAMMED:
                self._jammed = True
                self._async_stop_jam_timer()
            case ControllerStatus.READY if self._jammed and self._cancel_jam is None:
                self._cancel_jam = async_call_later(
                    self.hass, JAM_IS_OVER_AFTER, self._async_jam_is_over
                )
        self._async_show()

    @callback
    def async_unanswered(self) -> None:
        """The stick was asked and did not answer."""
        self._unresponsive = True
        self._async_show()

    @callback
    def async_answered(self) -> None:
        """The stick has said something."""
        self._unresponsive = False
        self._async_show()

    @callback
    def _async_stop_jam_timer(self) -> None:
        if self._cancel_jam is not None:
            self._cancel_jam()
            self._cancel_jam = None

    @callback
    def _async_jam_is_over(self, _now: Any) -> None:
        self._cancel_jam = None
        self._jammed = False
        self._async_show()

    @callback
    def _async_show(self) -> None:
        problem = self._away
        if problem is None and self._unresponsive:
            problem = RadioProblem.UNRESPONSIVE
        elif problem is None and self._jammed:
            problem = RadioProblem.JAMMED
        radio = Radio(connected=self._away is None, problem=problem)
        if radio != self.data[self._key]:
            self.async_set_item(self._key, radio)


class UiCoordinator(HomelabCoordinator[UiHealth]):
    """What zwave-js-ui says of itself; one that does not answer is not well."""

    def __init__(
        self, hass: HomeAssistant, entry: ConfigEntry[Any], key: str, client: UiClient
    ) -> None:
        """Prepare the section."""
        super().__init__(hass, entry, section=Section.UI, interval=UI_INTERVAL)
        self._key = key
        self._client = client

    @property
    def version(self) -> UiVersion | None:
        """The version that was told last."""
        health = self.data.get(self._key)
        return None if health is None else health.version

    @override
    async def async_fetch(self) -> dict[str, UiHealth]:
        version = self.version
        try:
            healthy = await self._client.is_healthy()
            if healthy or version is None:
                version = await self._client.version()
        except CannotConnectError:
            healthy = False
        return {self._key: UiHealth(healthy=healthy, version=version)}
