"""From the payloads of Zigbee2MQTT and of brokers to models.

Shapes as measured on Zigbee2MQTT 2.14.1; what is missing or odd is unknown. Only a
payload that is no JSON at all raises, as `ProtocolError`.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
import re
from typing import Any, Final

from ..address import url_host
from ..errors import ProtocolError
from ..values import (
    boolean,
    instant,
    integer,
    load_json,
    mapping,
    number,
    objects,
    text,
)
from .models import BridgeInfo, Device, DeviceType, Health, Response

# Where a web server may listen, and nobody else can reach it by that name.
_NO_ADDRESS: Final = frozenset({"0.0.0.0", "::", "127.0.0.1", "::1", "localhost"})  # noqa: S104 - never listened on
# "507 seconds" of mosquitto, "3 hours, 2 minutes, 31 seconds" of EMQX.
_DURATION: Final = re.compile(r"(\d{1,9})\s*(day|hour|minute|second)s?")
_SECONDS: Final = {"day": 86400, "hour": 3600, "minute": 60, "second": 1}


def parse_online(payload: bytes) -> bool | None:
    """Return whether a state says online: JSON, or the plain text of 1.x.

    An empty payload is a state that was deleted: unknown.
    """
    word = payload.strip()
    if word.startswith(b"{"):
        try:
            found = text(mapping(load_json(word, "state")).get("state"))
        except ProtocolError:
            return None
        word = (found or "").encode()
    return {b"online": True, b"offline": False}.get(word)


def parse_info(payload: bytes) -> BridgeInfo | None:
    """Return what `bridge/info` says; None when it was deleted or is another's."""
    if not payload:
        return None
    row = mapping(load_json(payload, "bridge/info"))
    coordinator = row.get("coordinator")
    # Other programs publish a topic of that name, too.
    if not isinstance(coordinator, dict) or "zigbee_herdsman" not in row:
        return None
    config = mapping(row.get("config"))
    network, serial = mapping(row.get("network")), mapping(config.get("serial"))
    permit_join = boolean(row.get("permit_join"))
    return BridgeInfo(
        version=text(row.get("version")),
        coordinator_type=text(coordinator.get("type")),
        ieee_address=text(coordinator.get("ieee_address")),
        firmware=_revision(mapping(coordinator.get("meta")).get("revision")),
        channel=integer(network.get("channel")),
        pan_id=integer(network.get("pan_id")),
        extended_pan_id=text(network.get("extended_pan_id")),
        log_level=text(row.get("log_level")),
        permit_join=permit_join,
        permit_join_end=instant(row.get("permit_join_end")) if permit_join else None,
        restart_required=boolean(row.get("restart_required")),
        adapter=text(serial.get("adapter")),
        serial_port=text(serial.get("port")),
        frontend_url=_frontend_url(mapping(config.get("frontend"))),
        availability=_is_watched(config.get("availability")),
    )


def _revision(value: Any) -> str | None:
    found = integer(value)
    return text(value) if found is None else str(found)


def _is_watched(availability: Any) -> bool:
    """Say whether availability is on: an object since 2.0, a flag before."""
    if isinstance(availability, dict):
        return availability.get("enabled") is not False
    return availability is True


def _frontend_url(frontend: Mapping[str, Any]) -> str | None:
    """Return the address of the web page, when its configuration names a host."""
    if frontend.get("enabled") is False:
        return None
    if (url := text(frontend.get("url"))) and url.startswith(("http://", "https://")):
        return url
    host, port = text(frontend.get("host")), integer(frontend.get("port"))
    if host is None or host in _NO_ADDRESS or host.startswith("/") or port is None:
        return None
    scheme = "https" if frontend.get("ssl_cert") else "http"
    return f"{scheme}://{url_host(host)}:{port}{text(frontend.get('base_url')) or '/'}"


def parse_devices(payload: bytes) -> tuple[Device, ...] | None:
    """Return the devices without the coordinator; None when the list was deleted."""
    if not payload:
        return None
    devices: list[Device] = []
    for row in objects(load_json(payload, "bridge/devices")):
        address, kind = text(row.get("ieee_address")), row.get("type")
        if address is None or kind == DeviceType.COORDINATOR:
            continue
        devices.append(
            Device(
                ieee_address=address,
                name=text(row.get("friendly_name")) or address,
                type=_device_type(kind),
                disabled=row.get("disabled") is True,
            )
        )
    return tuple(devices)


def _device_type(kind: Any) -> DeviceType:
    try:
        return DeviceType(kind)
    except ValueError:
        return DeviceType.UNKNOWN


def parse_health(payload: bytes) -> Health | None:
    """Return a report of health; None when it was deleted or tells no time."""
    if not payload:
        return None
    row = mapping(load_json(payload, "bridge/health"))
    at = instant(row.get("response_time"))
    if at is None:
        return None
    devices = mapping(row.get("devices"))
    rates = (number(mapping(each).get("messages_per_sec")) for each in devices.values())
    return Health(
        at=at,
        messages={
            address: count
            for address, each in devices.items()
            if (count := integer(mapping(each).get("messages"))) is not None
        },
        per_second=sum(rate for rate in rates if rate is not None),
    )


def parse_response(payload: bytes) -> Response:
    """Return an answer to a request; raise `ProtocolError` when it is none."""
    row = load_json(payload, "bridge/response")
    if not isinstance(row, dict) or row.get("status") not in ("ok", "error"):
        raise ProtocolError("bridge/response: neither ok nor an error")
    error = None
    if row["status"] == "error":
        error = text(row.get("error")) or "unknown error"
    return Response(
        transaction=text(row.get("transaction")),
        data=dict(mapping(row.get("data"))),
        error=error,
    )


def parse_missing_routers(data: Mapping[str, object]) -> tuple[str, ...] | None:
    """Return the names of the routers that a check did not find on the stick."""
    found = data.get("missing_routers")
    if not isinstance(found, list):
        return None
    names = (
        text(row.get("friendly_name")) or text(row.get("ieee_address"))
        for row in objects(found)
    )
    return tuple(sorted(name for name in names if name))


def parse_started_at(payload: bytes, now: datetime) -> datetime | None:
    """Return when a broker started, by the uptime that it tells."""
    parts = _DURATION.findall(payload[:100].decode(errors="replace"))
    if not parts:
        return None
    seconds = sum(int(count) * _SECONDS[unit] for count, unit in parts)
    try:
        return now.astimezone(UTC) - timedelta(seconds=seconds)
    except OverflowError:
        return None


def parse_count(payload: bytes) -> int | None:
    """Return a count of a broker."""
    word = payload[:20].strip()
    return int(word) if word.isdigit() else None


def parse_version(payload: bytes) -> str | None:
    """Return the version of a broker, as it says it."""
    return text(payload[:200].decode(errors="replace"))
