"""What Zigbee2MQTT 2.14.1 publishes, in the shapes that were measured.

The texts inside of schemas and definitions are the lab's own; only their sizes count:
about 26 kB and 228 kB.
"""

from collections.abc import Iterator, Mapping
from functools import cache
import json
import time
from typing import Any

from lab.mqtt.zigbee import COORDINATOR, Device, Network, Stick

_CLUSTERS = 480
_ATTRIBUTES = 9
_SCHEMA_SECTIONS = (
    "advanced availability blocklist device_options devices frontend groups health"
    " homeassistant map_options mqtt ota passlist serial"
)
_SCHEMA_OPTIONS = 12


def encode(value: object) -> bytes:
    """Return JSON as Zigbee2MQTT writes it: sorted, compact, not escaped."""
    return json.dumps(
        value, ensure_ascii=False, separators=(",", ":"), sort_keys=True
    ).encode()


# --- bridge/devices ----------------------------------------------------------------


def devices(network: Network) -> list[dict[str, Any]]:
    """Return `bridge/devices`: the coordinator and every device."""
    return [_coordinator(network.stick), *map(device, network.devices)]


def _coordinator(stick: Stick) -> dict[str, Any]:
    return {
        "disabled": False,
        "endpoints": {str(number): _endpoint() for number in (1, 2, 11, 13, 110, 242)},
        "friendly_name": COORDINATOR,
        "ieee_address": stick.ieee,
        "interview_completed": True,
        "interview_state": "SUCCESSFUL",
        "interviewing": False,
        "network_address": 0,
        "supported": True,
        "type": COORDINATOR,
    }


def _endpoint(*inputs: str) -> dict[str, Any]:
    return {
        "bindings": [],
        "clusters": {"input": list(inputs), "output": []},
        "configured_reportings": [],
        "scenes": [],
    }


def device(found: Device) -> dict[str, Any]:
    """Return the entry of a device."""
    model = found.model
    entry = {
        "date_code": "20260101",
        "definition": definition(found),
        "disabled": False,
        "endpoints": {"1": _endpoint("genBasic", "genIdentify", "genOnOff")},
        "friendly_name": found.name,
        "ieee_address": found.ieee,
        "interview_completed": found.interviewed,
        "interview_state": "SUCCESSFUL" if found.interviewed else "IN_PROGRESS",
        "interviewing": not found.interviewed,
        "manufacturer": model.manufacturer,
        "model_id": model.model_id,
        "network_address": found.address,
        "power_source": "Battery" if model.battery else "Mains (single phase)",
        "software_build_id": "1.2.3",
        "supported": True,
        "type": found.type,
    }
    if not found.interviewed:
        for key in ("date_code", "definition", "software_build_id"):
            del entry[key]
    return entry


def definition(found: Device) -> dict[str, Any]:
    """Return what a product can do."""
    model = found.model
    return {
        "description": model.description,
        "exposes": [_expose(name, value) for name, value in _values(found).items()],
        "model": model.model,
        "options": [_expose(f"{name}_calibration", 0) for name in model.values],
        "source": "native",
        "supports_ota": model.ota,
        "vendor": model.vendor,
        "version": "0.0.0",
    }


def _values(found: Device) -> dict[str, Any]:
    return {**found.model.values, "linkquality": found.lqi}


def _expose(name: str, value: object) -> dict[str, Any]:
    text = name.replace("_", " ")
    return {
        "access": 1,
        "description": f"What the device says of its {text} at its last report",
        "label": text.capitalize(),
        "name": name,
        "property": name,
        "type": "numeric" if isinstance(value, int | float) else "enum",
    }


def report(found: Device) -> dict[str, Any]:
    """Return the state of a device."""
    return _values(found)


# --- bridge/info -------------------------------------------------------------------


def configuration(base: str, stick: Stick, adapter: str) -> dict[str, Any]:
    """Return what is shown of the configuration: neither keys nor passwords."""
    return {
        "advanced": {
            "cache_state": True,
            "channel": stick.channel,
            "ext_pan_id": [221, 221, 221, 221, *stick.pan_id.to_bytes(4)],
            "last_seen": "disable",
            "log_level": "info",
            "log_output": ["console"],
            "output": "json",
            "pan_id": stick.pan_id,
        },
        "availability": {
            "active": {"max_jitter": 30000, "timeout": 10},
            "enabled": True,
            "passive": {"timeout": 1500},
        },
        "blocklist": [],
        "device_options": {},
        "devices": {},
        "frontend": {"base_url": "/", "enabled": True, "port": 8080},
        "groups": {},
        "health": {"interval": 10, "reset_on_check": False},
        "homeassistant": {"discovery_topic": "homeassistant", "enabled": True},
        "mqtt": {
            "base_topic": base,
            "force_disable_retain": False,
            "keepalive": 60,
            "version": 4,
        },
        "passlist": [],
        "serial": {"adapter": adapter, "disable_led": False, "port": stick.port},
        "version": 5,
    }


@cache
def schema() -> Mapping[str, Any]:
    """Return `config_schema`, which is most of `bridge/info`."""
    option = {
        "description": "What this option does and which values it can have",
        "requiresRestart": True,
        "title": "An option",
        "type": ["string", "null"],
    }
    section = {f"option_{number}": option for number in range(_SCHEMA_OPTIONS)}
    return {
        "definitions": {},
        "properties": {
            name: {"properties": section, "title": name, "type": "object"}
            for name in _SCHEMA_SECTIONS.split()
        },
        "required": ["mqtt"],
        "type": "object",
    }


@cache
def definitions() -> bytes:
    """Return `bridge/definitions`, which is bigger than everything else together."""
    cluster = {
        f"attribute{number}": {"ID": number, "name": "value", "type": 32}
        for number in range(_ATTRIBUTES)
    }
    clusters = {
        f"cluster{number}": {"ID": number, "attributes": cluster, "commands": {}}
        for number in range(_CLUSTERS)
    }
    return encode({"actions": [], "clusters": clusters, "custom_clusters": {}})


# --- bridge/health -----------------------------------------------------------------


def health(
    network: Network, *, uptime: float, since: float, mqtt: Mapping[str, Any]
) -> dict[str, Any]:
    """Return `bridge/health`; `since` is how long messages have been counted."""
    return {
        "response_time": int(time.time() * 1000),
        "os": {
            "load_average": [0.31, 0.27, 0.22],
            "memory_used_mb": 402.18,
            "memory_percent": 39.2754,
        },
        "process": {
            "uptime_sec": int(uptime),
            "memory_used_mb": 118.4,
            "memory_percent": 11.5625,
        },
        "mqtt": dict(mqtt),
        "devices": {
            found.ieee: {
                "messages": found.messages,
                "messages_per_sec": round(found.messages / max(since, 0.001), 4),
                "leave_count": found.leave_count,
                "network_address_changes": found.address_changes,
            }
            for found in network.devices
            if found.messages
        },
    }


# --- networkmap --------------------------------------------------------------------


def network_map(network: Network, *, routes: bool) -> dict[str, Any]:
    """Return the raw map: every device hangs on the coordinator or on a router."""
    works = network.stick.works
    return {
        "links": list(_links(network, routes=routes)) if works else [],
        "nodes": [
            {
                "failed": [] if works else ["lqi"],
                "friendlyName": COORDINATOR,
                "ieeeAddr": network.stick.ieee,
                "networkAddress": 0,
                "type": COORDINATOR,
            },
            *(_node(found, works=works) for found in network.devices),
        ],
    }


def _node(found: Device, *, works: bool) -> dict[str, Any]:
    model = found.model
    node = {
        "definition": {
            "description": model.description,
            "model": model.model,
            "supports": ", ".join(_values(found)),
            "vendor": model.vendor,
        },
        "friendlyName": found.name,
        "ieeeAddr": found.ieee,
        "lastSeen": int(found.last_seen * 1000),
        "manufacturerName": model.manufacturer,
        "modelID": model.model_id,
        "networkAddress": found.address,
        "type": found.type,
    }
    if found.router:
        node["failed"] = [] if works and found.online else ["lqi"]
    return node


def _links(network: Network, *, routes: bool) -> Iterator[dict[str, Any]]:
    centre = network.stick.ieee, 0
    routers = [found for found in network.routers if found.online]
    for number, found in enumerate(network.devices):
        own = found.ieee, found.address
        parent = centre
        if not found.router and routers and number % 2:
            router = routers[number % len(routers)]
            parent = router.ieee, router.address
        yield _link(own, parent, found, relationship=1, routes=routes)
        if found.router and found.online:
            yield _link(centre, own, found, relationship=0, routes=False)


def _link(
    source: tuple[str, int],
    target: tuple[str, int],
    found: Device,
    *,
    relationship: int,
    routes: bool,
) -> dict[str, Any]:
    route = {
        "destinationAddress": source[1],
        "manyToOne": 0,
        "memoryConstrained": 0,
        "nextHopAddress": source[1],
        "reserved1": 0,
        "routeRecordRequired": 0,
        "status": "ACTIVE",
    }
    return {
        "depth": relationship,
        "deviceType": 0 if not source[1] else 1 if found.router else 2,
        "linkquality": found.lqi,
        "lqi": found.lqi,
        "permitJoining": 2,
        "relationship": relationship,
        "routes": [route] if routes else [],
        "rxOnWhenIdle": int(found.router),
        "source": {"ieeeAddr": source[0], "networkAddress": source[1]},
        "sourceIeeeAddr": source[0],
        "sourceNwkAddr": source[1],
        "target": {"ieeeAddr": target[0], "networkAddress": target[1]},
        "targetIeeeAddr": target[0],
    }
