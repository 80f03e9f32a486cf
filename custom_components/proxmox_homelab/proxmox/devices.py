"""The devices of a cluster: created before their entities, renamed, moved, dropped."""

from functools import partial
from typing import TYPE_CHECKING, Any

from homeassistant.const import CONF_PORT
from homeassistant.core import callback
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers.device_registry import CONNECTION_NETWORK_MAC
from yarl import URL

from ..const import CONF_HOSTS, DEFAULT_PORT
from ..devices import HomelabDevices, key_of
from . import keys
from .models import Disk, Guest, GuestConfig, GuestType, Node, NodeDetail, Storage

if TYPE_CHECKING:
    from .source import ProxmoxSource

_MANUFACTURER = "Proxmox"
_GUEST_MODELS = {GuestType.VM: "Virtual machine", GuestType.CONTAINER: "Container"}


class Devices(HomelabDevices):
    """The devices of one entry, by the keys of their items."""

    def __init__(self, source: ProxmoxSource) -> None:
        """Prepare; nothing is registered yet."""
        super().__init__(source.hass, source.entry.entry_id)
        self._source = source
        self._versions: dict[str, NodeDetail] = {}

    @callback
    def async_update(self) -> None:
        """Create what is new and follow what changed, parents first."""
        data = self._source.resources.data
        self.async_register(
            keys.CLUSTER,
            (self._source.entry.title, self._source.version, self._source.is_cluster),
            self._cluster,
        )
        for key, item in data.items():
            if isinstance(item, Node):
                detail = self._versions.get(item.name)
                self.async_register(
                    key, (detail,), partial(self._node, item.name, detail)
                )
        configs = self._source.configs.data
        for key, item in data.items():
            if isinstance(item, Guest):
                config = configs.get(key)
                self.async_register(
                    key,
                    (item.name, item.node, config),
                    partial(self._guest, key, item, config),
                )
            elif isinstance(item, Storage):
                self.async_register(
                    key, (item.plugin_type,), partial(self._storage, item)
                )
        for key, disk in self._source.disks.data.items():
            self.async_register(
                key, (disk.device, disk.model), partial(self._disk, disk)
            )

    def node_version(self, node: str) -> str | None:
        """Return the version that a node said it runs."""
        detail = self._versions.get(node)
        return detail.pve_version if detail else None

    @callback
    def async_note_version(self, node: str, detail: NodeDetail) -> None:
        """Show which version a node runs, as it said itself."""
        self._versions[node] = detail
        self.async_update()

    def _cluster(self) -> dict[str, Any]:
        title = self._source.entry.title
        return {
            # The title of a single host is the name of its only node.
            "name": title if self._source.is_cluster else f"Proxmox VE {title}",
            "manufacturer": _MANUFACTURER,
            "model": "Proxmox VE cluster"
            if self._source.is_cluster
            else "Proxmox VE host",
            "sw_version": self._source.version.version,
            "entry_type": dr.DeviceEntryType.SERVICE,
            "configuration_url": self._url("v1:0"),
        }

    def _node(self, name: str, detail: NodeDetail | None) -> dict[str, Any]:
        return {
            "name": name,
            "manufacturer": _MANUFACTURER,
            "model": "Proxmox VE node",
            "hw_version": detail.cpu_model if detail else None,
            "sw_version": detail.pve_version if detail else None,
            "configuration_url": self._url(f"v1:0:=node%2F{name}"),
            "via_device_id": self.id_of(keys.CLUSTER),
        }

    def _guest(
        self, key: str, guest: Guest, config: GuestConfig | None
    ) -> dict[str, Any]:
        info: dict[str, Any] = {
            "name": guest.name or self.last_name(key) or f"Guest {guest.vmid}",
            "manufacturer": _MANUFACTURER,
            "model": _GUEST_MODELS[guest.type],
            "model_id": str(guest.vmid),
            "configuration_url": self._url(f"v1:0:={guest.type}%2F{guest.vmid}"),
            "via_device_id": self.id_of(keys.node_key(guest.node)),
        }
        if config is not None:
            info["connections"] = self._connections(key, config)
        return info

    def _connections(self, key: str, config: GuestConfig) -> set[tuple[str, str]]:
        """Return the network cards that no other device has.

        A clone may keep the address of its original, while a connection may belong
        to one device only: the registry would take the two for the same.
        """
        wanted = {(CONNECTION_NETWORK_MAC, mac) for mac in config.macs}
        return {
            connection
            for connection in wanted
            if (
                device := self._registry.async_get_device_by_connection(
                    connection, self._entry_id
                )
            )
            is None
            or key_of(device) == key
        }

    def _storage(self, storage: Storage) -> dict[str, Any]:
        parent = keys.CLUSTER if storage.node is None else keys.node_key(storage.node)
        node = storage.node or next(iter(storage.nodes), "")
        return {
            "name": storage.name
            if storage.node is None or not self._source.is_cluster
            else f"{storage.name} ({storage.node})",
            "manufacturer": _MANUFACTURER,
            "model": "Shared storage" if storage.node is None else "Storage",
            "model_id": storage.plugin_type,
            "configuration_url": self._url(f"v1:0:=storage%2F{node}%2F{storage.name}"),
            "via_device_id": self.id_of(parent),
        }

    def _disk(self, disk: Disk) -> dict[str, Any]:
        return {
            "name": disk.model or disk.device,
            "model": disk.model,
            "model_id": disk.kind,
            "serial_number": disk.serial,
            "configuration_url": self._url(f"v1:0:=node%2F{disk.node}:4:::::::34"),
            "via_device_id": self.id_of(keys.node_key(disk.node)),
        }

    def _url(self, fragment: str) -> str:
        """Return a page of the Proxmox VE interface, which reads its fragment raw."""
        data = self._source.entry.data
        base = URL.build(
            scheme="https",
            host=data[CONF_HOSTS][0],
            port=data.get(CONF_PORT, DEFAULT_PORT),
            path="/",
        )
        return f"{base}#{fragment}"
