"""The device of a Z-Wave JS server: the stick, its driver and where to look at it."""

from functools import partial
from typing import TYPE_CHECKING, Any

from homeassistant.core import callback

from ..const import CONF_UI_URL
from ..devices import HomelabDevices
from .models import Network, UiVersion

if TYPE_CHECKING:
    from .source import ZwaveSource

_MODEL = "Z-Wave JS server"


class ZwaveDevices(HomelabDevices):
    """The only device of the entry."""

    def __init__(self, source: ZwaveSource) -> None:
        """Prepare; nothing is registered yet."""
        super().__init__(source.hass, source.entry.entry_id)
        self._source = source

    @callback
    def async_update(self) -> None:
        """Create the device, or follow what changed."""
        network = self._source.network.network
        if network is None:
            return
        ui = self._source.ui.version if self._source.ui else None
        stick = network.nodes.get(network.controller.own_node_id or 0)
        self.async_register(
            self._source.key,
            (network.version, network.controller.firmware, stick, ui),
            partial(self._server, network, ui),
        )

    def _server(self, network: Network, ui: UiVersion | None) -> dict[str, Any]:
        stick = network.nodes.get(network.controller.own_node_id or 0)
        driver = network.version.driver
        return {
            "name": self._source.entry.title,
            "manufacturer": stick.manufacturer if stick else None,
            "model": _MODEL,
            "model_id": stick.product if stick else None,
            "sw_version": f"{driver} (Z-Wave JS UI {ui.ui})" if ui else driver,
            "hw_version": network.controller.firmware,
            "configuration_url": self._source.entry.data.get(CONF_UI_URL),
        }
