"""What Home Assistant's registries say about the entities of the integration."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

DOMAIN: Final = "proxmox_homelab"
CLUSTER_KINDS: Final = frozenset({"cluster", "node", "guest", "storage", "disk"})
# The kinds of devices that come with each kind of equipment of the lab.
RADIO_KINDS: Final = {
    "broker": frozenset({"broker", "z2m"}),
    "zwave_js": frozenset({"zwave"}),
    "deconz": frozenset({"deconz"}),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """A device of the integration.

    key: the integration's own key of the thing, such as `guest/103`.
    id: what Home Assistant calls it.
    """

    key: str
    id: str
    name: str
    model: str
    model_id: str

    @property
    def kind(self) -> str:
        """The kind of thing: cluster, node, guest, ..., broker, z2m, zwave, deconz."""
        return self.key.partition("/")[0]

    @property
    def page(self) -> str:
        """The address of the device's page, without the host."""
        return f"/config/devices/device/{self.id}"


class Registry:
    """Devices by key and enabled entities by device, domain and translation key."""

    def __init__(
        self, devices: Iterable[Device], entities: Mapping[tuple[str, str, str], str]
    ) -> None:
        """Keep what was found."""
        self.devices = tuple(devices)
        self._entities = entities

    @classmethod
    def from_lists(
        cls, devices: list[dict[str, Any]], entities: list[dict[str, Any]]
    ) -> Self:
        """Read the answers of `config/device_registry/list` and its entity sister."""
        ours = {row["id"]: device for row in devices if (device := _device(row))}
        return cls(
            ours.values(),
            {
                (
                    ours[row["device_id"]].key,
                    row["entity_id"].partition(".")[0],
                    row["translation_key"],
                ): row["entity_id"]
                for row in entities
                if row["device_id"] in ours
                and row["platform"] == DOMAIN
                and row["disabled_by"] is None
            },
        )

    def has(self, kinds: frozenset[str]) -> bool:
        """Say whether there is something of every kind; some kinds come late."""
        return {device.kind for device in self.devices} >= kinds

    def of_kind(self, kind: str) -> list[Device]:
        """Return the devices of a kind in the order of their keys' numbers or names."""
        return sorted((d for d in self.devices if d.kind == kind), key=_order)

    def find(self, device: Device, domain: str, key: str) -> str | None:
        """Return the entity id of an enabled entity, None if there is none."""
        return self._entities.get((device.key, domain, key))

    def entity_ids_of(self, device: Device) -> list[str]:
        """Return the ids of the enabled entities of a device."""
        return [id_ for (key, *_), id_ in self._entities.items() if key == device.key]

    def entity_ids(self) -> list[str]:
        """Return the ids of all enabled entities."""
        return sorted(self._entities.values())


def _device(row: Mapping[str, Any]) -> Device | None:
    key = next((key for domain, key in row["identifiers"] if domain == DOMAIN), None)
    if key is None:
        return None
    return Device(
        key=key,
        id=row["id"],
        name=row["name_by_user"] or row["name"],
        model=row["model"] or "",
        model_id=row["model_id"] or "",
    )


def _order(device: Device) -> tuple[int, str]:
    last = device.key.rpartition("/")[2]
    return (int(last) if last.isdecimal() else 0, device.name)
