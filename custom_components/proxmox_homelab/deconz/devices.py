"""The device of a gateway."""

from typing import Any

from homeassistant.const import CONF_HOST, CONF_PORT
from homeassistant.core import callback
from homeassistant.helpers.device_registry import CONNECTION_NETWORK_MAC
from yarl import URL

from ..devices import HomelabDevices
from .models import GatewayConfig

# The actions offer the devices of this model.
MODEL = "deCONZ gateway"
_MANUFACTURER = "dresden elektronik"


class DeconzDevices(HomelabDevices):
    """The one device of the entry."""

    @callback
    def async_update(
        self, key: str, config: GatewayConfig, data: dict[str, Any]
    ) -> None:
        """Create the device, and follow what the gateway says of itself."""

        def build() -> dict[str, Any]:
            return {
                "name": config.name or MODEL,
                "manufacturer": _MANUFACTURER,
                "model": MODEL,
                "model_id": config.device_name,
                "sw_version": config.software_version,
                "hw_version": config.firmware_version,
                "configuration_url": str(
                    URL.build(scheme="http", host=data[CONF_HOST], port=data[CONF_PORT])
                ),
                # Links it to the machine that it runs on.
                "connections": {(CONNECTION_NETWORK_MAC, config.mac)}
                if config.mac
                else set(),
            }

        shown = (
            config.name,
            config.device_name,
            config.software_version,
            config.firmware_version,
            config.mac,
        )
        self.async_register(key, shown, build)
