"""What a guest's configuration says, and what it says from inside."""

from collections.abc import Iterable, Iterator, Mapping
from ipaddress import ip_address
import re
from typing import Any, Final

from ...values import required_mapping
from ..models import GuestConfig, GuestInside, GuestType
from .values import (
    Row,
    flag,
    integer,
    number,
    properties,
    share_of,
    tags,
    text,
)

_MIB: Final = 1024 * 1024
_MAC: Final = re.compile(r"\b[0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2}){5}\b")
_NETWORK: Final = re.compile(r"(?:net|ipconfig)\d+")
_VM_VOLUME: Final = re.compile(r"(?:ide|sata|scsi|virtio|efidisk|tpmstate)\d+")
_CONTAINER_VOLUME: Final = re.compile(r"rootfs|mp\d+")
_PASSTHROUGH: Final = re.compile(r"(?:usb|dev|hostpci|serial)\d+")
_RAW_DEVICE_KEYS: Final = (
    "lxc.mount.entry",
    "lxc.cgroup.devices",
    "lxc.cgroup2.devices",
)

# Where a guest keeps what fills up: Home Assistant OS has a small read-only root and
# its data beside it.
_MOUNT_POINTS: Final = ("/mnt/data", "C:\\", "/")


def parse_config(data: Any, vmid: int, kind: GuestType) -> GuestConfig:
    """Return the configuration of `GET .../config`."""
    row = required_mapping(data, f"config of {vmid}")
    volumes, bind_mounts = _volumes(row, kind)
    memory = number(properties(row.get("memory", ""), "current").get("current"))
    return GuestConfig(
        vmid=vmid,
        cores=_cores(row, kind),
        memory=None if memory is None else int(memory * _MIB),
        onboot=flag(row.get("onboot")),
        startup=text(row.get("startup")),
        description=text(row.get("description")) or "",
        tags=tags(row.get("tags")),
        os_type=text(row.get("ostype")),
        agent_enabled=flag(properties(row.get("agent", ""), "enabled").get("enabled")),
        smbios_uuid=_smbios_uuid(row),
        macs=tuple(sorted(_macs(row))),
        addresses=tuple(sorted(_static_addresses(row))),
        volumes=volumes,
        passthrough=tuple(sorted(_passthrough(row))),
        bind_mounts=bind_mounts,
    )


def _cores(row: Row, kind: GuestType) -> float | None:
    cores = number(row.get("cores"))
    if kind is GuestType.CONTAINER:
        # Without `cores` a container may use all of its node, unless it is limited.
        limit = number(row.get("cpulimit"))
        return cores if cores is not None else limit or None
    return (cores or 1) * (number(row.get("sockets")) or 1)


def _smbios_uuid(row: Row) -> str | None:
    uuid = properties(row.get("smbios1", ""), "").get("uuid")
    return uuid.lower() if uuid else None


def _networks(row: Row) -> Iterator[str]:
    return (str(value) for key, value in row.items() if _NETWORK.fullmatch(key))


def _macs(row: Row) -> set[str]:
    return {mac.lower() for line in _networks(row) for mac in _MAC.findall(line)}


def _static_addresses(row: Row) -> set[str]:
    found: set[str] = set()
    for line in _networks(row):
        parts = properties(line, "")
        for key in ("ip", "ip6"):
            address = parts.get(key, "").partition("/")[0]
            if _is_address(address):
                found.add(address)
    return found


def _is_address(value: str) -> bool:
    try:
        ip_address(value)
    except ValueError:
        return False
    return True


def _volumes(row: Row, kind: GuestType) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return volume ids of the disks and, for a container, its bind mounts."""
    pattern = _VM_VOLUME if kind is GuestType.VM else _CONTAINER_VOLUME
    volumes: list[str] = []
    bind_mounts: list[str] = []
    for key in sorted(filter(pattern.fullmatch, row)):
        parts = properties(row[key], "volume")
        volume = parts.get("volume") or parts.get("file")
        if not volume or volume == "none" or parts.get("media") == "cdrom":
            continue
        (bind_mounts if volume.startswith("/") else volumes).append(volume)
    return tuple(volumes), tuple(bind_mounts)


def _passthrough(row: Row) -> Iterator[tuple[str, str]]:
    for key, value in row.items():
        if _PASSTHROUGH.fullmatch(key) and value != "socket":
            yield key, str(value)
    for pair in row.get("lxc") or ():
        if isinstance(pair, list) and len(pair) == 2:
            key, value = map(str, pair)
            if key.startswith(_RAW_DEVICE_KEYS):
                yield key, value


def parse_vm_inside(vmid: int, interfaces: Any, filesystems: Any | None) -> GuestInside:
    """Return what the guest agent of a VM answered.

    `filesystems` is None when the agent could not be asked for them.
    """
    found = _result(interfaces)
    addresses = (
        address.get("ip-address")
        for interface in found
        for address in interface.get("ip-addresses") or ()
    )
    disk = _main_filesystem(_result(filesystems))
    total = integer(disk.get("total-bytes")) or None
    return GuestInside(
        vmid=vmid,
        addresses=_usable(addresses),
        macs=_usable_macs(interface.get("hardware-address") for interface in found),
        disk_used=share_of(disk.get("used-bytes"), total) if total else None,
        disk_total=total,
        disk_mount=text(disk.get("mountpoint")) if total else None,
    )


def _result(data: Any) -> list[Mapping[str, Any]]:
    result = data.get("result") if isinstance(data, dict) else None
    if not isinstance(result, list):
        return []
    return [row for row in result if isinstance(row, dict)]


def _main_filesystem(found: Iterable[Row]) -> Row:
    by_mount = {row.get("mountpoint"): row for row in found}
    for mount in _MOUNT_POINTS:
        if mount in by_mount:
            return by_mount[mount]
    return {}


def parse_container_inside(vmid: int, data: Any) -> GuestInside:
    """Return the interfaces of a container; one that is off answers null.

    Its disk is in the list already. Before 8.4 an interface tells only the last
    address of each family.
    """
    found = [row for row in data or () if isinstance(row, dict)]
    addresses: list[object] = []
    for row in found:
        listed = row.get("ip-addresses")
        if isinstance(listed, list):
            addresses += [item.get("ip-address") for item in listed]
        else:
            addresses += [row.get("inet"), row.get("inet6")]
    return GuestInside(
        vmid=vmid,
        addresses=_usable(addresses),
        macs=_usable_macs(
            row.get("hwaddr") or row.get("hardware-address") for row in found
        ),
    )


def _usable(addresses: Iterable[object]) -> tuple[str, ...]:
    found = set()
    for address in addresses:
        plain = str(address or "").partition("/")[0].partition("%")[0]
        if _is_address(plain):
            parsed = ip_address(plain)
            if not (parsed.is_loopback or parsed.is_link_local):
                found.add(parsed)
    return tuple(str(parsed) for parsed in sorted(found, key=lambda a: (a.version, a)))


def _usable_macs(macs: Iterable[object]) -> tuple[str, ...]:
    found = {str(mac).lower() for mac in macs if mac}
    return tuple(sorted(found - {"00:00:00:00:00:00"}))
