"""What Zigbee2MQTT does when it is asked, and how it answers.

Answers, error texts and times were measured with 2.14.1 and a Z-Stack stick.
"""

import base64
from collections.abc import Awaitable, Callable, Mapping
import io
import json
from typing import TYPE_CHECKING, Any
import zipfile

from lab.mqtt import payloads
from lab.mqtt.zigbee import Device, StickError

if TYPE_CHECKING:
    from lab.mqtt.bridge import Bridge

LONGEST_JOIN = 254
LOG_LEVELS = ("error", "warning", "info", "debug")
_COMMAND_TIMEOUT = 6.0
_SCAN_TIMEOUT = 18.0
_SCAN_SECONDS = 1.0
_MAP_TYPES = ("raw", "graphviz", "plantuml")
_CHANNELS = range(11, 27)

type Handler = Callable[[Bridge, Any], Awaitable[dict[str, Any]]]


class RequestError(Exception):
    """A request fails; the text is the `error` of the answer."""


def parse(payload: bytes) -> object:
    """Return JSON, or the text itself when it is none."""
    try:
        return json.loads(payload)
    except ValueError:
        return payload.decode(errors="replace")


async def answer(bridge: Bridge, name: str, payload: bytes) -> dict[str, Any] | None:
    """Carry out a request and return the answer, None for one that gets none."""
    message = parse(payload)
    handler = HANDLERS.get(name)
    if handler is None or message is None:
        return None
    try:
        answered = {"data": await handler(bridge, message), "status": "ok"}
    except (RequestError, StickError) as error:
        answered = {"data": {}, "error": f"{error}", "status": "error"}
    if isinstance(message, dict) and "transaction" in message:
        answered["transaction"] = message["transaction"]
    return answered


async def _health_check(bridge: Bridge, message: Any) -> dict[str, Any]:
    return {"healthy": True}


async def _permit_join(bridge: Bridge, message: Any) -> dict[str, Any]:
    if isinstance(message, list) or (
        isinstance(message, dict) and "time" not in message
    ):
        raise RequestError("Invalid payload")
    given = message if isinstance(message, dict) else {"time": message}
    seconds = _whole_number(given["time"])
    device = given.get("device")
    if device is not None:
        _device(bridge, device)
    if seconds is not None and seconds > LONGEST_JOIN:
        raise RequestError("Cannot permit join for more than 254 seconds.")
    await _ask(bridge, "ZDO - mgmtPermitJoinReq", 0.2)
    await bridge.permit_join(seconds or 0)
    return {"time": seconds} | ({} if device is None else {"device": device})


def _whole_number(value: object) -> int | None:
    """Read a number as JavaScript's parseInt does, None for none."""
    if isinstance(value, int | float | str) and not isinstance(value, bool):
        try:
            return int(float(value))
        except ValueError, OverflowError:
            return None
    return None


async def _restart(bridge: Bridge, message: Any) -> dict[str, Any]:
    bridge.restart_soon()
    return {}


async def _coordinator_check(bridge: Bridge, message: Any) -> dict[str, Any]:
    if not bridge.stick.adapter.backup:
        raise RequestError(
            "Coordinator does not coordinator check because it doesn't support backups"
        )
    await _ask(bridge, "SYS - version", 0.05)
    missing = [
        {"friendly_name": device.name, "ieee_address": device.ieee}
        for device in bridge.network.routers
        if not device.in_table
    ]
    return {"missing_routers": missing}


async def _network_map(bridge: Bridge, message: Any) -> dict[str, Any]:
    given = message if isinstance(message, dict) else {"type": message}
    kind = given.get("type")
    if kind not in _MAP_TYPES:
        known = ",".join(_MAP_TYPES)
        raise RequestError(f"Type '{kind}' not supported, allowed are: {known}")
    routes = bool(given.get("routes", False))
    await bridge.log("info", f"z2m: Starting network scan (includeRoutes '{routes}')")
    for name in ("Coordinator", *(device.name for device in bridge.network.routers)):
        await _scan(bridge, name)
    await bridge.log("info", "z2m: Network scan finished")
    found = payloads.network_map(bridge.network, routes=routes)
    value = found if kind == "raw" else f"digraph G {{ {len(found['nodes'])} }}"
    return {"routes": routes, "type": kind, "value": value}


async def _scan(bridge: Bridge, name: str) -> None:
    if bridge.stick.works:
        await bridge.pass_time(_SCAN_SECONDS)
    else:
        await bridge.pass_time(_SCAN_TIMEOUT)
        await bridge.log("error", f"z2m: Failed to execute LQI for '{name}'")


async def _options(bridge: Bridge, message: Any) -> dict[str, Any]:
    given = message.get("options") if isinstance(message, dict) else None
    if not isinstance(given, dict):
        raise RequestError("Invalid payload")
    _check_options(bridge.configuration, given)
    levels = {"advanced": {"log_level"}}
    for section, values in given.items():
        known = bridge.configuration.setdefault(section, {})
        if not isinstance(known, dict) or not isinstance(values, dict):
            bridge.configuration[section] = values
            bridge.restart_required = True
            continue
        known.update(values)
        if set(values) - levels.get(section, set()):
            bridge.restart_required = True
    await bridge.publish_info()
    return {"restart_required": bridge.restart_required}


def _check_options(known: Mapping[str, Any], given: Mapping[str, Any]) -> None:
    advanced = given.get("advanced")
    if isinstance(advanced, dict):
        if advanced.get("log_level", "info") not in LOG_LEVELS:
            raise RequestError(
                "advanced/log_level must be equal to one of the allowed values"
            )
        channel = advanced.get("channel", 11)
        if isinstance(channel, int) and channel not in _CHANNELS:
            bound = "<= 26" if channel > 26 else ">= 11"
            raise RequestError(f"advanced/channel must be {bound}")
    for section, values in given.items():
        before = known.get(section)
        if not isinstance(before, dict) or not isinstance(values, dict):
            continue
        for name, value in values.items():
            if type(before.get(name)) is int and not isinstance(value, int | float):
                raise RequestError(f"{section}/{name} must be number")


async def _backup(bridge: Bridge, message: Any) -> dict[str, Any]:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("configuration.yaml", "advanced:\n  network_key: [1, 2, 3]\n")
        archive.writestr("coordinator_backup.json", '{"network_key": {"key": "0a0b"}}')
    return {"zip": base64.b64encode(file.getvalue()).decode()}


async def _rename(bridge: Bridge, message: Any) -> dict[str, Any]:
    if not isinstance(message, dict) or "from" not in message or "to" not in message:
        raise RequestError("Invalid payload")
    device, name = _device(bridge, message["from"]), str(message["to"])
    if bridge.network.find(name) is not None:
        raise RequestError(f"friendly_name '{name}' is already in use")
    await bridge.rename(device, name)
    return {"from": message["from"], "homeassistant_rename": False, "to": name}


async def _remove(bridge: Bridge, message: Any) -> dict[str, Any]:
    given = message if isinstance(message, dict) else {"id": message}
    device = _device(bridge, given.get("id"))
    bridge.network.devices.remove(device)
    await bridge.publish_devices()
    return {"block": False, "force": False, "id": given["id"]}


def _device(bridge: Bridge, name: object) -> Device:
    device = bridge.network.find(name)
    if device is None:
        raise RequestError(f"Device '{name}' does not exist")
    return device


async def _ask(bridge: Bridge, command: str, seconds: float) -> None:
    scaled = bridge.settings.scaled
    await bridge.stick.ask(command, scaled(seconds), scaled(_COMMAND_TIMEOUT))


HANDLERS: Mapping[str, Handler] = {
    "health_check": _health_check,
    "permit_join": _permit_join,
    "restart": _restart,
    "coordinator_check": _coordinator_check,
    "networkmap": _network_map,
    "options": _options,
    "backup": _backup,
    "device/rename": _rename,
    "device/remove": _remove,
}
