"""A dashboard of Home Assistant's own cards that shows one cluster."""

from collections.abc import Iterator
from typing import Any, Final

from .registry import Device, Registry

URL_PATH: Final = "proxmox-homelab"
TITLE: Final = "Homelab"
ICON: Final = "mdi:server-network"

VM: Final = "Virtual machine"
CONTAINER: Final = "Container"

type Card = dict[str, Any]

# The devices that are a network of radios, and what each is shown by.
_NETWORKS: Final = {"z2m": "online", "deconz": "connected", "zwave": "connected"}
_NETWORK_COUNTS: Final = ("devices", "devices_offline", "nodes", "nodes_dead")
_RADIO_ICON: Final = "mdi:radio-tower"

_GUEST_ICONS: Final = {VM: "mdi:monitor", CONTAINER: "mdi:cube-outline"}
# Shorter than their own names, which are cut on a phone.
_COUNTS: Final = {"vms_running": "VMs on", "containers_running": "Containers on"}
_DEVICE_NAME: Final[Card] = {"type": "device"}
_ENTITY_NAME: Final[Card] = {"type": "entity"}
_WIDE: Final[Card] = {"grid_options": {"columns": 12}}


def dashboard(registry: Registry) -> dict[str, Any]:
    """Return the configuration of the dashboard."""
    views = [_overview(registry), _guests(registry), _care(registry)]
    if any(registry.of_kind(kind) for kind in _NETWORKS):
        views.insert(2, _radios(registry))
    return {"views": views}


def entity_ids(config: Any) -> set[str]:
    """Return every entity id that a part of the dashboard uses."""
    if isinstance(config, list):
        return set().union(*(entity_ids(item) for item in config))
    if not isinstance(config, dict):
        return set()
    found = set().union(*(entity_ids(value) for value in config.values()))
    for name in ("entity", "entity_id"):
        if isinstance(config.get(name), str):
            found.add(config[name])
    return found


def _overview(registry: Registry) -> dict[str, Any]:
    return _view(
        "Overview",
        ICON,
        [
            *_machines(registry),
            _section(
                *_group(registry, "Virtual machines", VM),
                *_group(registry, "Containers", CONTAINER),
                *_links(registry),
                span=2,
            ),
        ],
        columns=2,
    )


def _machines(registry: Registry) -> Iterator[Card]:
    """Return cluster, nodes and storages; a single host has few storages."""
    clusters = [
        card for hub in registry.of_kind("cluster") for card in _cluster(registry, hub)
    ]
    nodes = [_node(registry, node) for node in registry.of_kind("node")]
    if len(nodes) > 1:
        yield from (_section(*clusters), *nodes, _section(*_storages(registry), span=2))
    else:
        yield from (_section(*clusters, *_storages(registry)), *nodes)


def _links(registry: Registry) -> Iterator[Card]:
    """Return whether each broker and network answers, and what is wrong there."""
    kinds = {"broker": "connected", **_NETWORKS}
    found = [
        (row, device)
        for kind, row in kinds.items()
        for device in registry.of_kind(kind)
    ]
    if found:
        yield _heading("Radios", _RADIO_ICON)
    for row, device in found:
        if entity_id := registry.find(device, "binary_sensor", row):
            yield _tile(entity_id, name=_DEVICE_NAME)
    for _, device in found:
        if problem := registry.find(device, "binary_sensor", "radio_problem"):
            yield _alert(problem, name=_DEVICE_NAME)


def _guests(registry: Registry) -> dict[str, Any]:
    return _view(
        "Guests",
        _GUEST_ICONS[CONTAINER],
        [_guest(registry, guest) for guest in registry.of_kind("guest")],
    )


def _radios(registry: Registry) -> dict[str, Any]:
    brokers = [
        _section(
            _heading(broker.name, "mdi:transit-connection-variant", broker),
            *_tiles(registry, broker, "binary_sensor", "connected"),
            *_tiles(registry, broker, "sensor", "started"),
        )
        for broker in registry.of_kind("broker")
    ]
    networks = [
        _network(registry, network)
        for kind in _NETWORKS
        for network in registry.of_kind(kind)
    ]
    return _view("Radios", _RADIO_ICON, [*brokers, *networks])


def _network(registry: Registry, network: Device) -> Card:
    online = registry.find(network, "binary_sensor", _NETWORKS[network.kind])
    tiles = [
        *_tiles(registry, network, "binary_sensor", "radio_problem"),
        *_tiles(registry, network, "sensor", *_NETWORK_COUNTS),
    ]
    if join := registry.find(network, "switch", "permit_join"):
        question = _ask(f"Open {network.name} for new devices?", "switch.toggle", join)
        tiles.append(_tile(join, **question))
    if restart := registry.find(network, "button", "restart"):
        question = _ask(f"Restart {network.name}?", "button.press", restart)
        tiles.append(_tile(restart, hide_state=True, **question))
    if online is not None:
        # Who is away says nothing but that.
        there = {"condition": "state", "entity": online, "state": "on"}
        away = {"condition": "state", "entity": online, "state_not": "on"}
        tiles = [{**tile, "visibility": [there]} for tile in tiles]
        tiles.append(_tile(online, visibility=[away]))
    return _section(_heading(network.name, _RADIO_ICON, network, online), *tiles)


def _care(registry: Registry) -> dict[str, Any]:
    backups = [
        _tile(entity_id, name=_DEVICE_NAME)
        for guest in registry.of_kind("guest")
        if (entity_id := registry.find(guest, "sensor", "last_backup"))
    ]
    updates = [
        _tile(entity_id, name=_DEVICE_NAME)
        for node in registry.of_kind("node")
        if (entity_id := registry.find(node, "update", "packages"))
    ]
    return _view(
        "Care",
        "mdi:backup-restore",
        [
            _section(_heading("Last good backup", "mdi:backup-restore"), *backups),
            _section(
                _heading("Packages", "mdi:package-up"),
                *updates,
                _heading("Disks", "mdi:harddisk"),
                *_disks(registry),
            ),
        ],
    )


def _cluster(registry: Registry, hub: Device) -> Iterator[Card]:
    yield _heading(hub.name, ICON, hub)
    yield {"type": "repairs", "hide_empty": True, **_WIDE}
    # Shorter than their own names, which are cut on a phone.
    for key, name in (
        ("vms_running", "VMs on"),
        ("containers_running", "Containers on"),
    ):
        if entity_id := registry.find(hub, "sensor", key):
            yield _tile(entity_id, name=name)
    for key in ("backup_problem", "quorum_problem"):
        if entity_id := registry.find(hub, "binary_sensor", key):
            yield _alert(entity_id)


def _storages(registry: Registry) -> Iterator[Card]:
    yield _heading("Storage", "mdi:database")
    storages = registry.of_kind("storage")
    for storage in storages:
        if share := registry.find(storage, "sensor", "used_share"):
            yield _gauge(share, name=_DEVICE_NAME)
    for storage in storages:
        if problem := registry.find(storage, "binary_sensor", "storage_problem"):
            yield _alert(problem, name=_DEVICE_NAME)


def _node(registry: Registry, node: Device) -> Card:
    online = registry.find(node, "binary_sensor", "online")
    cards = [_heading(node.name, "mdi:server", node, online)]
    if cpu := registry.find(node, "sensor", "cpu"):
        cards.append(_trend(cpu, **_WIDE))
    if memory := registry.find(node, "sensor", "memory"):
        cards.append(_gauge(memory, name="Memory"))
    if disk := registry.find(node, "sensor", "root_disk"):
        cards.append(_gauge(disk, name="Root disk"))
    cards += _tiles(registry, node, "sensor", "started")
    cards += _tiles(registry, node, "update", "packages")
    return _section(*cards)


def _group(registry: Registry, title: str, model: str) -> Iterator[Card]:
    yield _heading(title, _GUEST_ICONS[model])
    for guest in registry.of_kind("guest"):
        if guest.model == model:
            yield from _power(registry, guest, _DEVICE_NAME)


def _guest(registry: Registry, guest: Device) -> Card:
    backup = registry.find(guest, "sensor", "last_backup")
    icon = _GUEST_ICONS.get(guest.model)
    cards = [_heading(guest.name, icon, guest, backup)]
    cards += _power(registry, guest, _ENTITY_NAME)
    only_running = _only_running(registry, guest)
    if restart := registry.find(guest, "button", "restart"):
        question = _ask(f"Restart {guest.name}?", "button.press", restart)
        cards.append(_tile(restart, hide_state=True, **question, **only_running))
    if cpu := registry.find(guest, "sensor", "cpu"):
        cards.append(_trend(cpu, **only_running))
    if memory := registry.find(guest, "sensor", "memory"):
        cards.append(_gauge(memory, **only_running))
    return _section(*cards)


def _power(registry: Registry, guest: Device, name: Card) -> Iterator[Card]:
    """Return the tile that shuts a guest down, and the one that starts it.

    Only one is seen at a time, so that each can ask its own question: the question
    of a tile cannot depend on a state. The own guest has no switch and no command.
    """
    status = registry.find(guest, "sensor", "status")
    switch = registry.find(guest, "switch", "power")
    if status is None:
        return
    if switch is None:
        yield _tile(status, name=name, color="green")
        return
    stopped = {"condition": "state", "entity": switch, "state_not": "on"}
    yield _tile(
        status,
        name=name,
        color="green",
        **_only_running(registry, guest),
        **_ask(f"Shut down {guest.name}?", "switch.turn_off", switch),
    )
    yield _tile(
        status,
        name=name,
        color="grey",
        visibility=[stopped],
        **_ask(f"Start {guest.name}?", "switch.turn_on", switch),
    )


def _only_running(registry: Registry, guest: Device) -> Card:
    """Return what hides a card while the guest is off; the own guest never is."""
    switch = registry.find(guest, "switch", "power")
    if switch is None:
        return {}
    return {"visibility": [{"condition": "state", "entity": switch, "state": "on"}]}


def _disks(registry: Registry) -> Iterator[Card]:
    """Return the wear of a disk where it tells, else its health."""
    for disk in registry.of_kind("disk"):
        problem = registry.find(disk, "binary_sensor", "disk_problem")
        if life := registry.find(disk, "sensor", "remaining_life"):
            yield _gauge(life, name=_DEVICE_NAME, **_WIDE)
            if problem:
                yield _alert(problem, name=_DEVICE_NAME)
        elif problem:
            yield _tile(problem, name=_DEVICE_NAME, **_WIDE)


def _ask(question: str, action: str, entity_id: str) -> Card:
    """Return what a tap does: ask first, on the tile and on its icon."""
    asked = {
        "action": "perform-action",
        "perform_action": action,
        "target": {"entity_id": entity_id},
        "confirmation": {"text": question},
    }
    return {"tap_action": asked, "icon_tap_action": asked}


def _tiles(
    registry: Registry, device: Device, domain: str, *keys: str
) -> Iterator[Card]:
    for key in keys:
        if entity_id := registry.find(device, domain, key):
            yield _tile(entity_id)


def _tile(entity_id: str, **options: Any) -> Card:
    return {"type": "tile", "entity": entity_id, "name": _ENTITY_NAME, **options}


def _gauge(entity_id: str, **options: Any) -> Card:
    bar = {"type": "bar-gauge", "min": 0, "max": 100}
    return _tile(entity_id, features=[bar], **options)


def _trend(entity_id: str, **options: Any) -> Card:
    line = {"type": "trend-graph", "hours_to_show": 1, "detail": True}
    return _tile(entity_id, features=[line], **options)


def _alert(entity_id: str, **options: Any) -> Card:
    """Return a card that is there only while something is wrong."""
    return {
        "type": "alert",
        "entity": entity_id,
        "alert_color": "red",
        "name": _ENTITY_NAME,
        "visibility": [{"condition": "state", "entity": entity_id, "state": "on"}],
        **_WIDE,
        **options,
    }


def _heading(
    text: str,
    icon: str | None,
    device: Device | None = None,
    badge: str | None = None,
) -> Card:
    heading: Card = {"type": "heading", "heading": text, "icon": icon}
    if device is not None:
        heading["tap_action"] = {"action": "navigate", "navigation_path": device.page}
    if badge is not None:
        heading["badges"] = [{"type": "entity", "entity": badge, "show_state": True}]
    return heading


def _section(*cards: Card, span: int = 1) -> Card:
    return {"type": "grid", "cards": list(cards), "column_span": span}


def _view(
    title: str, icon: str, sections: list[Card], *, columns: int = 3
) -> dict[str, Any]:
    return {
        "type": "sections",
        "title": title,
        "path": title.lower(),
        "icon": icon,
        "max_columns": columns,
        "dense_section_placement": True,
        "sections": sections,
    }
