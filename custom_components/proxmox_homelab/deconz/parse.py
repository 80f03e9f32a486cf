"""From the answers of a gateway to models.

Nothing is taken for granted: what is missing or of a wrong type is unknown, and an
answer that is not one of deCONZ is a `ProtocolError`. Fields: deconz-rest-doc, and
what deconz-rest-plugin writes.
"""

from collections.abc import Mapping
import re
from typing import Any, Final

from ..errors import AuthenticationError, ProtocolError
from ..values import (
    boolean,
    count,
    load_json,
    mapping,
    objects,
    required_mapping,
    text,
)
from .models import (
    Change,
    Collection,
    GatewayConfig,
    Part,
    PartEvent,
    PartKey,
    PublicConfig,
)

# What every version has called itself, also to strangers.
_MODEL: Final = "deCONZ"
# A gateway that never saw its stick.
_NO_BRIDGE: Final = re.compile(r"0*")
_BRIDGE: Final = re.compile(r"[0-9A-F]{16}")
# `<MAC>-<endpoint>[-<cluster>]`; virtual sensors have a text of their maker's choice.
_UNIQUE_ID: Final = re.compile(r"((?:[0-9a-f]{2}:){7}[0-9a-f]{2})(?:-|$)")
_HOST_MAC: Final = re.compile(r"(?:[0-9a-f]{2}:){5}[0-9a-f]{2}")
_NO_HOST_MAC: Final = "38:60:77:7c:53:18"
# What only a valid key is told.
_PRIVATE: Final = ("websocketport", "whitelist", "zigbeechannel", "rfconnected")

# How the gateway lists itself, its clock for dusk and dawn, and sensors that are
# nothing but a memory for rules.
_ITSELF: Final = "Configuration tool"
_DAYLIGHT: Final = "Daylight"
_VIRTUAL: Final = "CLIP"

# Until version 2.05 this meant: open until it is closed.
_FOREVER: Final = 255
# In seconds: longer than any is meant, short enough to make a date of.
_LONGEST: Final = 2**31


def parse_public_config(data: Any) -> PublicConfig:
    """Return `GET /api/config`; raise `ProtocolError` for another kind of bridge."""
    row = _config_row(data)
    return PublicConfig(
        bridge_id=_bridge_id(row.get("bridgeid")),
        name=text(row.get("name")),
        device_name=text(row.get("devicename")),
        software_version=text(row.get("swversion")),
    )


def parse_config(data: Any) -> GatewayConfig:
    """Return `GET /api/<key>/config`.

    A gateway answers a key that it does not know with 200 and what it tells anybody,
    which raises `AuthenticationError`.
    """
    row = _config_row(data)
    if not any(field in row for field in _PRIVATE):
        raise AuthenticationError("config: the key is not known any more")
    seconds, remaining = (
        _seconds(row.get(field)) for field in ("permitjoin", "permitjoinfull")
    )
    return GatewayConfig(
        bridge_id=_bridge_id(row.get("bridgeid")),
        name=text(row.get("name")),
        device_name=text(row.get("devicename")),
        software_version=text(row.get("swversion")),
        api_version=text(row.get("apiversion")),
        firmware_version=_firmware(row.get("fwversion")),
        radio_connected=boolean(row.get("rfconnected")),
        channel=count(row.get("zigbeechannel")) or None,
        pan_id=count(row.get("panid")),
        # It opens the network for a minute at a time: this one, and what follows.
        permit_join_seconds=None if seconds is None else seconds + (remaining or 0),
        permits_forever=seconds == _FOREVER,
        network_open_seconds=_seconds(row.get("networkopenduration")),
        websocket_port=_port(row.get("websocketport")),
        mac=_host_mac(row.get("mac")),
    )


def _config_row(data: Any) -> Mapping[str, Any]:
    row = required_mapping(data, "config")
    if row.get("modelid", _MODEL) != _MODEL or not row.keys() & {"modelid", "bridgeid"}:
        raise ProtocolError("config: this is no deCONZ gateway")
    return row


def parse_parts(data: Any) -> dict[PartKey, Part]:
    """Return the lights and sensors of `GET /api/<key>`."""
    row = required_mapping(data, "state")
    bridge = _bridge_id(mapping(row.get("config")).get("bridgeid"))
    parts: dict[PartKey, Part] = {}
    for collection in Collection:
        for number, item in required_mapping(row.get(collection), collection).items():
            if isinstance(item, dict):
                parts[collection, number] = _part(collection, item, bridge)
    return parts


def _part(collection: Collection, item: Mapping[str, Any], bridge: str | None) -> Part:
    return Part(
        name=text(item.get("name")),
        mac=_mac(item, bridge),
        reachable=_reachable(collection, item),
    )


def _mac(item: Mapping[str, Any], bridge: str | None) -> str | None:
    kind = text(item.get("type")) or ""
    if kind in (_ITSELF, _DAYLIGHT) or kind.startswith(_VIRTUAL):
        return None
    match = _UNIQUE_ID.match((text(item.get("uniqueid")) or "").lower())
    if match is None or match[1].replace(":", "").upper() == bridge:
        return None
    return match[1]


def _reachable(collection: Collection, item: Mapping[str, Any]) -> bool | None:
    """Return what lights tell in `state` and sensors in `config`."""
    where = "state" if collection is Collection.LIGHTS else "config"
    return boolean(mapping(item.get(where)).get("reachable"))


def parse_event(message: str) -> PartEvent | None:
    """Return what a message of the websocket says about a light or sensor.

    None for what concerns other things, and for what cannot be understood: the
    next full state tells the same.
    """
    try:
        data = load_json(message, "event")
    except ProtocolError:
        return None
    if not isinstance(data, dict) or data.get("t") != "event":
        return None
    try:
        change, where = Change(str(data.get("e"))), Collection(str(data.get("r")))
    except ValueError:
        return None
    number = text(data.get("id"))
    if number is None:
        return None
    attributes = data.get("attr")
    named = attributes if isinstance(attributes, dict) else data
    return PartEvent(
        change=change,
        key=(where, number),
        name=text(named.get("name")),
        reachable=_reachable(where, data),
    )


def parse_key(data: Any) -> str:
    """Return the key of an answer to `POST /api`."""
    for row in objects(data):
        if key := text(mapping(row.get("success")).get("username")):
            return key
    raise ProtocolError("the gateway gave no key")


def parse_errors(data: Any) -> list[tuple[int | None, str]]:
    """Return the errors of an answer as number and description."""
    return [
        (count(error.get("type")), text(error.get("description")) or "")
        for row in objects(data)
        if isinstance(error := row.get("error"), dict)
    ]


def _seconds(value: object) -> int | None:
    """Return a duration that a date can be reckoned with."""
    found = count(value)
    return None if found is None or found >= _LONGEST else found


def _host_mac(value: object) -> str | None:
    """Return the address of the computer, which old versions make up if need be."""
    mac = (text(value) or "").lower()
    return mac if _HOST_MAC.fullmatch(mac) and mac != _NO_HOST_MAC else None


def _port(value: object) -> int | None:
    port = count(value)
    return port if port is not None and 0 < port < 65536 else None


def _firmware(value: object) -> str | None:
    """Return the version of the stick's firmware; zero is told while there is none."""
    version = text(value)
    return None if version is None or version.strip("0x") == "" else version


def _bridge_id(value: object) -> str | None:
    found = (text(value) or "").upper()
    if not _BRIDGE.fullmatch(found) or _NO_BRIDGE.fullmatch(found):
        return None
    return found
