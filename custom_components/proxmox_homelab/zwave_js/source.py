"""A Z-Wave JS server as a source: its sections, its device and its commands."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, override

from homeassistant.config_entries import ConfigEntry
from homeassistant.const import CONF_URL
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.aiohttp_client import async_get_clientsession

from ..const import CONF_HOME_ID, CONF_UI_URL, RadioCommand
from ..coordinator import HomelabCoordinator, as_setup_error
from ..errors import CannotConnectError, HomelabError
from ..source_base import BaseSource
from .client import UiClient
from .coordinator import NetworkCoordinator, RadioCoordinator, UiCoordinator
from .devices import ZwaveDevices
from .entities import TABLES
from .keys import server_key
from .link import Link
from .models import Network


class ZwaveSource(BaseSource[ZwaveDevices]):
    """A server, its stick and its nodes behind one config entry."""

    tables = TABLES

    def __init__(self, hass: HomeAssistant, entry: ConfigEntry[Any]) -> None:
        """Prepare the sections; nothing is asked yet."""
        super().__init__(hass, entry)
        self.home_id: int = entry.data[CONF_HOME_ID]
        self.key = server_key(self.home_id)
        session = async_get_clientsession(hass)
        self.radio = RadioCoordinator(hass, entry, self.key)
        self.network = NetworkCoordinator(hass, entry, self.key)
        self.ui: UiCoordinator | None = None
        if ui_url := entry.data.get(CONF_UI_URL):
            client = UiClient(session, ui_url)
            self.ui = UiCoordinator(hass, entry, self.key, client)
        sections: list[HomelabCoordinator[Any]] = [self.radio, self.network]
        if self.ui is not None:
            sections.append(self.ui)
        self.coordinators = {section.section: section for section in sections}
        self.devices = ZwaveDevices(self)
        self._link = Link(self, session, entry.data[CONF_URL])
        self._channels: frozenset[int] = frozenset()
        self.radio.on_away = self._async_is_away

    # --- life ------------------------------------------------------------------------

    async def async_start(self) -> None:
        """Connect once; what is lost later is found again by itself."""
        try:
            await self._link.async_connect()
        except HomelabError as err:
            raise as_setup_error(err, self.entry.title) from err
        self.entry.async_on_unload(self.radio.async_cancel)
        if self.ui is not None:
            self.ui.async_keep_polling()
            self.entry.async_on_unload(
                self.ui.async_add_listener(self._async_ui_changed)
            )
        self.entry.async_create_background_task(
            self.hass, self._link.async_keep(), f"{self.entry.title} connection"
        )

    async def async_fetch_details(self) -> None:
        """Ask zwave-js-ui, which nothing has to wait for."""
        if self.ui is not None:
            await self.ui.async_refresh()

    # --- what the protocol of a source asks ------------------------------------------

    @property
    @override
    def inventory(self) -> NetworkCoordinator:
        """The section that says which items exist."""
        return self.network

    @property
    @override
    def is_connected(self) -> bool:
        """Whether the server answers now."""
        return not self.radio.is_away

    def is_reachable(self, key: str) -> bool:
        """Say whether what is known of the item is from now."""
        return self.is_connected

    async def async_command(
        self, key: str, command: StrEnum, arguments: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Carry out a command; raises a `HomelabError`."""
        connection = self._link.connection
        if connection is None:
            raise CannotConnectError("not connected at the moment")
        match command:
            case RadioCommand.SOFT_RESET:
                await connection.soft_reset()
                return {}
        raise ValueError(command)

    def diagnostics(self) -> dict[str, Any]:
        """Return what the network is, without identities."""
        network = self.network.network
        connection = self._link.connection
        return {
            "connected": connection is not None,
            "schema": connection.schema if connection else None,
            "server_version": network.version.server if network else None,
            "driver_version": network.version.driver if network else None,
            "nodes": len(network.nodes) if network else None,
            "radio": {
                "connected": self.radio.data[self.key].connected,
                "problem": self.radio.data[self.key].problem,
            },
        }

    # --- what the link tells ---------------------------------------------------------

    @callback
    def async_connected(self, network: Network) -> None:
        """The server is there, with all that it knows."""
        self.radio.async_connected()
        self.radio.async_status(network.controller.status)
        self.async_network_changed(network)
        self.network.async_regained()

    @callback
    def async_disconnected(self, err: HomelabError) -> None:
        """The server is away."""
        self.radio.async_disconnected(err)

    @callback
    def async_network_changed(self, network: Network) -> None:
        """Something is different in the network."""
        self.network.async_set_item(self.key, network)
        self.devices.async_update()
        statistics = network.controller.statistics
        channels = frozenset(statistics.noise if statistics else ())
        # Measured for the first time half a minute after the driver has started.
        if not channels <= self._channels:
            self._channels |= channels
            self.async_shape_changed()

    @callback
    def _async_is_away(self, err: HomelabError) -> None:
        self.network.async_lost(err)
        if self.ui is not None:
            self.entry.async_create_background_task(
                self.hass, self.ui.async_refresh(), f"{self.entry.title} health"
            )

    @callback
    def _async_ui_changed(self) -> None:
        self.devices.async_update()
        health = self.ui.data.get(self.key) if self.ui else None
        if health is not None and not health.healthy:
            self.radio.async_driver_failed()
