"""What can be asked of a bridge, each followed until the bridge says that it is done.

Nothing here lets anybody run code in Zigbee2MQTT or read the keys of its network: the
names of the requests are fixed, and only known options are passed on.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from ..const import DEFAULT_JOIN_SECONDS, RadioCommand
from ..errors import CommandRefusedError, CommandTimeoutError
from ..values import integer, mapping, objects, text
from .models import Radio

if TYPE_CHECKING:
    from .source import MqttSource

# A stick that hangs is noticed after 6 s, one that is busy answers later.
_SECONDS: Final = 20.0
# The mesh is asked device by device: three took 3 s, a large one takes minutes.
_MAP_SECONDS: Final = 300.0
# It is back after 2 s when its stick answers.
_RESTART_SECONDS: Final = 60.0
_LISTENS_SECONDS: Final = 1.0
# What it has done, it publishes at once.
_SHOWN_SECONDS: Final = 2.0

type _Command = Callable[
    ["MqttSource", str, Mapping[str, Any]], Awaitable[dict[str, Any]]
]


async def async_command(
    source: MqttSource, base: str, command: StrEnum, arguments: Mapping[str, Any]
) -> dict[str, Any]:
    """Carry out a command and return what came of it; raise a `HomelabError`."""
    try:
        return await _COMMANDS[command](source, base, arguments)
    except CommandRefusedError, CommandTimeoutError:
        # Often the first sign of a stick that hangs.
        source.watches[base].async_hurry()
        raise


async def _async_permit_join(
    source: MqttSource, base: str, arguments: Mapping[str, Any]
) -> dict[str, Any]:
    request = {"time": arguments.get("duration", DEFAULT_JOIN_SECONDS)}
    if router := arguments.get("router"):
        request["device"] = router
    answer = await source.client.command(base, "permit_join", request, seconds=_SECONDS)
    opened = request["time"] > 0
    with suppress(TimeoutError):
        async with asyncio.timeout(_SHOWN_SECONDS):
            await source.async_wait_for(
                base,
                lambda t: t.bridge.info is None or t.bridge.info.permit_join is opened,
            )
    return {"duration": integer(answer.get("time")) or 0}


async def _async_forbid_join(
    source: MqttSource, base: str, arguments: Mapping[str, Any]
) -> dict[str, Any]:
    return await _async_permit_join(source, base, {"duration": 0})


async def _async_restart(
    source: MqttSource, base: str, arguments: Mapping[str, Any]
) -> dict[str, Any]:
    before = source.trackers[base].restarts
    await source.client.command(base, "restart", {}, seconds=_SECONDS)
    try:
        async with asyncio.timeout(_RESTART_SECONDS):
            await source.async_wait_for(
                base, lambda t: t.restarts > before and t.bridge.online is True
            )
            await _async_until_it_listens(source, base)
    except TimeoutError:
        raise CommandTimeoutError(
            f"{base} did not come back", seconds=f"{_RESTART_SECONDS:.0f}"
        ) from None
    return {}


async def _async_until_it_listens(source: MqttSource, base: str) -> None:
    """Wait until the bridge answers: it says "online" before it hears anything.

    What is asked in that moment gets lost (seen with 2.14.1).
    """
    while True:
        with suppress(CommandTimeoutError):
            await source.client.request(
                base, "health_check", {}, seconds=_LISTENS_SECONDS
            )
            return


async def _async_set_log_level(
    source: MqttSource, base: str, arguments: Mapping[str, Any]
) -> dict[str, Any]:
    options = {"advanced": {"log_level": arguments["option"]}}
    await source.client.command(base, "options", {"options": options}, seconds=_SECONDS)
    return {}


async def _async_check(
    source: MqttSource, base: str, arguments: Mapping[str, Any]
) -> dict[str, Any]:
    return _report(await source.watches[base].async_check())


def _report(radio: Radio) -> dict[str, Any]:
    missing = radio.missing_routers
    return {
        "problem": radio.problem,
        "reason": radio.fault,
        "error": radio.error,
        "missing_routers": None if missing is None else list(missing),
    }


async def _async_network_map(
    source: MqttSource, base: str, arguments: Mapping[str, Any]
) -> dict[str, Any]:
    routes = arguments.get("routes", False)
    answer = await source.client.command(
        base, "networkmap", {"type": "raw", "routes": routes}, seconds=_MAP_SECONDS
    )
    value = mapping(answer.get("value"))
    return {
        "nodes": [_node(row) for row in objects(value.get("nodes"))],
        "links": [
            _link(row, with_routes=routes) for row in objects(value.get("links"))
        ],
    }


def _node(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "ieee_address": text(row.get("ieeeAddr")),
        "name": text(row.get("friendlyName")),
        "type": text(row.get("type")),
    }


def _link(row: Mapping[str, Any], *, with_routes: bool) -> dict[str, Any]:
    """Return how well `target` hears `source`: `lqi` from 0 to 255."""
    link: dict[str, Any] = {
        "source": text(mapping(row.get("source")).get("ieeeAddr")),
        "target": text(mapping(row.get("target")).get("ieeeAddr")),
        "lqi": integer(row.get("lqi")),
        "depth": integer(row.get("depth")),
    }
    if with_routes:
        link["routes"] = [dict(route) for route in objects(row.get("routes"))]
    return link


_COMMANDS: Final[Mapping[StrEnum, _Command]] = {
    RadioCommand.PERMIT_JOIN: _async_permit_join,
    RadioCommand.FORBID_JOIN: _async_forbid_join,
    RadioCommand.RESTART: _async_restart,
    RadioCommand.CHECK: _async_check,
    RadioCommand.NETWORK_MAP: _async_network_map,
    RadioCommand.SET_LOG_LEVEL: _async_set_log_level,
}
