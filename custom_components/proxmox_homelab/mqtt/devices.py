"""The devices of a broker: itself, and the Zigbee2MQTT bridges on it."""

from functools import partial
import re
from typing import TYPE_CHECKING, Any, Final

from homeassistant.core import callback
from homeassistant.helpers import device_registry as dr

from ..devices import HomelabDevices
from .models import BROKER, Bridge, BridgeInfo, Broker, bridge_key

if TYPE_CHECKING:
    from .source import MqttSource

_PRODUCT: Final = "Zigbee2MQTT"
# "zigbee2mqtt", and what people make of it for a second one.
_USUAL_BASE: Final = re.compile(r"zigbee2mqtt[-_/ ]?", re.IGNORECASE)


class MqttDevices(HomelabDevices):
    """The devices of one entry, by the keys of their items."""

    def __init__(self, source: MqttSource) -> None:
        """Prepare; nothing is registered yet."""
        super().__init__(source.hass, source.entry.entry_id)
        self._source = source

    @callback
    def async_update(self) -> None:
        """Create what is new and follow what changed, the broker first."""
        title, broker = self._source.entry.title, self._source.broker.broker
        self.async_register(
            BROKER, (title, broker.version), partial(self._broker, title, broker)
        )
        for bridge in self._source.bridges.data.values():
            self.async_register(
                bridge_key(bridge.base),
                (_shown(bridge.info),),
                partial(self._bridge, bridge),
            )

    def _broker(self, title: str, broker: Broker) -> dict[str, Any]:
        info: dict[str, Any] = {
            "name": title,
            "model": "MQTT broker",
            "entry_type": dr.DeviceEntryType.SERVICE,
        }
        return info | ({"sw_version": broker.version} if broker.version else {})

    def _bridge(self, bridge: Bridge) -> dict[str, Any]:
        info: dict[str, Any] = {
            "name": bridge_name(bridge.base),
            "manufacturer": _PRODUCT,
            "model": "Zigbee2MQTT bridge",
            "via_device_id": self.id_of(BROKER),
        }
        if bridge.info is None:
            # What is known from before stays.
            return info
        if bridge.info.ieee_address:
            info["connections"] = {
                (dr.CONNECTION_ZIGBEE, bridge.info.ieee_address.lower())
            }
        return info | {
            "model_id": bridge.info.coordinator_type,
            "sw_version": bridge.info.version,
            "hw_version": bridge.info.firmware,
            "serial_number": bridge.info.ieee_address,
            "configuration_url": bridge.info.frontend_url,
        }


def _shown(info: BridgeInfo | None) -> tuple[Any, ...] | None:
    if info is None:
        return None
    return (
        info.coordinator_type,
        info.version,
        info.firmware,
        info.ieee_address,
        info.frontend_url,
    )


def bridge_name(base: str) -> str:
    """Return how a bridge is called: by its base topic, the usual part left out."""
    rest = _USUAL_BASE.sub("", base, count=1).strip("-_/ ")
    return f"{_PRODUCT} {rest}".rstrip()
