"""A deCONZ gateway as a source: its sections, its stream of events, its commands."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from enum import StrEnum
import logging
from typing import Any, Final, override

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant, callback

from ..backoff import delays
from ..const import CONF_BRIDGE_ID, RadioCommand
from ..coordinator import HomelabCoordinator
from ..errors import CannotConnectError, HomelabError, NotFoundError
from ..source_base import BaseSource
from .connect import async_create_client
from .coordinator import ConnectionCoordinator, GatewayCoordinator, NetworkCoordinator
from .devices import DeconzDevices
from .entities import TABLES

_LOGGER = logging.getLogger(__name__)

# How long to wait before the websocket is tried again, in seconds.
_FIRST_PAUSE: Final = 1.0
_LONGEST_PAUSE: Final = 60.0

# Any number does: the gateway takes the time from its own setting.
_OPEN: Final = 60


class DeconzSource(BaseSource[DeconzDevices]):
    """A gateway behind one config entry."""

    tables = TABLES

    def __init__(self, hass: HomeAssistant, entry: ConfigEntry[Any]) -> None:
        """Prepare the sections; nothing is asked yet."""
        super().__init__(hass, entry)
        self.key = f"deconz/{entry.data[CONF_BRIDGE_ID]}"
        self.client = async_create_client(hass, entry.data)
        self.gateway = GatewayCoordinator(hass, entry, self.client, self.key)
        self.network = NetworkCoordinator(hass, entry, self.client, self.key)
        self.connection = ConnectionCoordinator(hass, entry, self.key)
        self.coordinators = {
            section.section: section
            for section in (self.gateway, self.network, self.connection)
        }
        self.devices = DeconzDevices(hass, entry.entry_id)
        self._try_now = asyncio.Event()

    # --- life ------------------------------------------------------------------

    async def async_start(self) -> None:
        """Get the configuration and the devices, and listen."""
        await self.gateway.async_config_entry_first_refresh()
        await self.network.async_refresh()
        self._async_gateway_polled()
        for section in (self.gateway, self.network):
            section.async_keep_polling()
        self.entry.async_on_unload(
            self.gateway.async_add_listener(self._async_gateway_polled)
        )
        self.entry.async_create_background_task(
            self.hass, self._async_listen(), f"{self.entry.title} events"
        )

    async def async_fetch_details(self) -> None:
        """Nothing is left to ask."""

    @callback
    def _async_gateway_polled(self) -> None:
        """Follow how the gateway is."""
        answers = self.gateway.last_update_success
        if answers and not self.connection.connected:
            # Whoever waits for it to come back need not wait any longer.
            self._try_now.set()
        self.connection.async_note(connected=answers)
        if answers and (config := self.gateway.config) is not None:
            self.devices.async_update(self.key, config, dict(self.entry.data))

    # --- events ----------------------------------------------------------------

    async def _async_listen(self) -> None:
        """Follow the events for as long as the entry is loaded."""
        pauses = delays(_FIRST_PAUSE, _LONGEST_PAUSE)
        just_lost = False
        while True:
            self._try_now.clear()
            try:
                await self._async_follow()
            except HomelabError as err:
                _LOGGER.debug("%s: no events: %s", self.entry.title, err)
            if self.network.listening:
                pauses, just_lost = delays(_FIRST_PAUSE, _LONGEST_PAUSE), True
                await self.network.async_listening(listening=False)
            elif just_lost:
                # A program that ends closes its websocket first: look again.
                just_lost = False
                await self.gateway.async_refresh()
            elif self.is_connected and not self.network.last_update_success:
                await self.network.async_refresh()
            with suppress(TimeoutError):
                async with asyncio.timeout(next(pauses)):
                    await self._try_now.wait()

    async def _async_follow(self) -> None:
        """Follow the events until the connection ends, which raises."""
        config = self.gateway.config
        if config is None or config.websocket_port is None:
            raise CannotConnectError("the gateway has no websocket")
        stream = await self.client.listen(config.websocket_port)
        try:
            await self.network.async_listening(listening=True)
            while True:
                await self.network.async_apply(await stream.next())
        finally:
            await stream.close()

    # --- what the protocol of a source asks --------------------------------------

    @property
    @override
    def inventory(self) -> HomelabCoordinator[Any]:
        """The section that says which items exist."""
        return self.gateway

    def is_reachable(self, key: str) -> bool:
        """Say whether what is known of the gateway is from now."""
        return self.gateway.last_update_success

    async def async_command(
        self, key: str, command: StrEnum, arguments: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Let devices join, or no more; return for how many seconds."""
        match command:
            case RadioCommand.PERMIT_JOIN:
                permitted = arguments.get("duration") != 0
            case RadioCommand.FORBID_JOIN:
                permitted = False
            case _:
                raise NotFoundError(f"a deCONZ gateway knows no {command}")
        await self.client.permit_join(_OPEN if permitted else 0)
        self.gateway.async_note_join(permitted=permitted)
        config = self.gateway.config
        return {"duration": config.permit_join_seconds if config is not None else None}

    def diagnostics(self) -> dict[str, Any]:
        """Return what is known of the gateway, without any address."""
        config = self.gateway.config
        network = self.network.data.get(self.key)
        return {
            "version": config.software_version if config else None,
            "stick": config.device_name if config else None,
            "listening": self.network.listening,
            "devices": len(network.devices) if network else None,
        }
