"""Measures the Home Assistant that it is loaded into, as `scripts/bench` asks.

The bench copies this folder into the configuration folder of a Home Assistant of its
own; nothing else uses it.
"""

from homeassistant.const import EVENT_HOMEASSISTANT_STOP
from homeassistant.core import Event, HomeAssistant
from homeassistant.helpers.typing import ConfigType

from .callbacks import LoopCallbacks
from .commands import Commands
from .server import ProbeServer

PORT_FILE = "bench_probe.port"


async def async_setup(hass: HomeAssistant, config: ConfigType) -> bool:
    """Listen for the bench, and say where."""
    callbacks = LoopCallbacks()
    callbacks.install()
    server = ProbeServer(Commands(hass, callbacks).answer)
    port = await server.start()

    async def stop(_: Event) -> None:
        await server.stop()

    hass.bus.async_listen_once(EVENT_HOMEASSISTANT_STOP, stop)
    await hass.async_add_executor_job(_write_port, hass.config.path(PORT_FILE), port)
    return True


def _write_port(path: str, port: int) -> None:
    with open(path, "w", encoding="ascii") as file:  # noqa: PTH123 - a str is at hand
        file.write(str(port))
