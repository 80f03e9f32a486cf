"""A Proxmox VE cluster as a source: its sections, devices, rights and own guest."""

import asyncio
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any, override

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant, callback
from homeassistant.util import dt as dt_util

from ..const import (
    CONF_BACKUP_MAX_AGE,
    CONF_HOSTS,
    CONF_IMPORTANCE,
    CONF_INTERVAL_NODES,
    CONF_INTERVAL_RESOURCES,
    CONF_INTERVAL_TASKS,
    CONF_LAST_OWN_GUEST,
    CONF_MEMBER_FINGERPRINTS,
    CONF_OWN_GUEST,
    DEFAULT_BACKUP_MAX_AGE,
    DEFAULT_INTERVAL_NODES,
    DEFAULT_INTERVAL_RESOURCES,
    DEFAULT_INTERVAL_TASKS,
    NO_OWN_GUEST,
    Importance,
)
from ..coordinator import HomelabCoordinator, as_update_error
from ..entity import async_drop_power
from ..errors import HomelabError, NotFoundError
from ..keys import kind_of
from ..own_guest import UNKNOWN, OwnGuest
from ..source_base import BaseSource
from . import keys
from .backups import BackupsCoordinator
from .connect import async_create_client
from .coordinator import (
    ClusterCoordinator,
    PermissionsCoordinator,
    ResourcesCoordinator,
    TasksCoordinator,
)
from .details import (
    CareCoordinator,
    ConfigsCoordinator,
    DisksCoordinator,
    InsideCoordinator,
    NodesCoordinator,
    PackagesCoordinator,
    SnapshotsCoordinator,
    TrafficCoordinator,
)
from .devices import Devices
from .entities import TABLES
from .evidence import async_find_own_guest
from .forecast import Forecast
from .models import Guest, GuestState, Node, Task, Version
from .selection import Selection


class ProxmoxSource(BaseSource[Devices]):
    """A cluster, or a single host, behind one config entry."""

    tables = TABLES

    def __init__(self, hass: HomeAssistant, entry: ConfigEntry[Any]) -> None:
        """Prepare the sections; nothing is asked yet."""
        super().__init__(hass, entry)
        self.client = async_create_client(hass, entry.data)
        self.version = Version(release="", version="")
        self.own_guest: OwnGuest = UNKNOWN
        self._own_guest_searched = False
        self._shape: tuple[Any, ...] = ()
        self._selection = Selection(entry.options)
        self.resources = ResourcesCoordinator(
            self, self._seconds(CONF_INTERVAL_RESOURCES, DEFAULT_INTERVAL_RESOURCES)
        )
        self.cluster = ClusterCoordinator(self)
        self.permissions = PermissionsCoordinator(self)
        self.tasks = TasksCoordinator(
            self,
            self._seconds(CONF_INTERVAL_TASKS, DEFAULT_INTERVAL_TASKS),
            self._async_task_finished,
        )
        self.nodes = NodesCoordinator(
            self, self._seconds(CONF_INTERVAL_NODES, DEFAULT_INTERVAL_NODES)
        )
        self.traffic = TrafficCoordinator(self)
        self.configs = ConfigsCoordinator(self)
        self.inside = InsideCoordinator(self)
        self.snapshots = SnapshotsCoordinator(self)
        self.backups = BackupsCoordinator(
            self,
            timedelta(
                hours=entry.options.get(CONF_BACKUP_MAX_AGE, DEFAULT_BACKUP_MAX_AGE)
            ),
        )
        self.packages = PackagesCoordinator(self)
        self.disks = DisksCoordinator(self)
        self.care = CareCoordinator(self)
        self.coordinators: Mapping[str, HomelabCoordinator[Any]] = {
            section.section: section
            for section in (
                self.resources,
                self.cluster,
                self.permissions,
                self.tasks,
                self.nodes,
                self.traffic,
                self.configs,
                self.inside,
                self.snapshots,
                self.backups,
                self.packages,
                self.disks,
                self.care,
            )
        }
        self.devices = Devices(self)
        self.forecast = Forecast()

    def _seconds(self, option: str, default: int) -> timedelta:
        return timedelta(seconds=self.entry.options.get(option, default))

    # --- life -----------------------------------------------------------------

    async def async_start(self) -> None:
        """Get the list, the rights and the quorum; the details come afterwards."""
        await self.resources.async_config_entry_first_refresh()
        try:
            self.version, *_ = await asyncio.gather(
                self.client.version(),
                self.cluster.async_refresh(),
                self.permissions.async_refresh(),
            )
        except HomelabError as err:
            raise as_update_error(err, self.entry.title) from err
        self._async_remember_members()
        await self._async_confirm_last_own_guest()
        self.devices.async_update()
        for section in self.coordinators.values():
            section.async_keep_polling()
        for section in (self.resources, self.configs, self.disks, self.permissions):
            self.entry.async_on_unload(
                section.async_add_listener(self._async_shape_may_have_changed)
            )
        self.entry.async_on_unload(
            self.cluster.async_add_listener(self._async_remember_members)
        )

    async def async_fetch_details(self) -> None:
        """Ask for what the entities can do without at first.

        The configurations come first, because they tell the own guest; the rest
        side by side, so that a storage that hangs holds up nothing else.
        """
        await self.configs.async_refresh()
        if not self.own_guest.is_certain:
            await self._async_search_own_guest()
        fetched = (self.resources, self.cluster, self.permissions, self.configs)
        await asyncio.gather(
            *(
                section.async_refresh()
                for section in self.coordinators.values()
                if section not in fetched
            )
        )

    # --- what the protocol of a source asks -----------------------------------

    @property
    @override
    def inventory(self) -> ResourcesCoordinator:
        """The section that says which items exist."""
        return self.resources

    @override
    def item_keys(self) -> Mapping[str, list[str]]:
        """Return the keys of all items by kind."""
        found: dict[str, list[str]] = {}
        for key in (*self.resources.data, *self.disks.data):
            found.setdefault(kind_of(key), []).append(key)
        return found

    def is_reachable(self, key: str) -> bool:
        """Say whether what is known of the item is from now."""
        if not self.resources.last_update_success:
            return False
        item = self.resources.data.get(keys.parent_of(key))
        return item is not None and getattr(item, "unreachable_since", None) is None

    # --- what is known of the cluster -----------------------------------------

    @property
    def is_cluster(self) -> bool:
        """Whether this is more than a single host."""
        status = self.cluster.status
        return status is not None and status.name is not None

    @property
    def is_quorate(self) -> bool:
        """Whether the cluster can be changed; without an answer it is not assumed."""
        status = self.cluster.status
        return status is not None and status.quorate

    @property
    def has_lost_quorum(self) -> bool:
        """Whether it is known that the cluster cannot be changed.

        Who may not read the status of the cluster learns it from the command.
        """
        status = self.cluster.status
        return status is not None and not status.quorate

    def guest(self, vmid: int) -> Guest | None:
        """Return the guest as it is known now."""
        item = self.resources.data.get(keys.guest_key(vmid))
        return item if isinstance(item, Guest) else None

    def node(self, name: str) -> Node | None:
        """Return the node as it is known now."""
        item = self.resources.data.get(keys.node_key(name))
        return item if isinstance(item, Node) else None

    def all_guests(self) -> dict[int, Guest]:
        """Return every guest of the list, the ones that the user left out, too.

        What keeps Home Assistant and what is critical from harm must not depend on
        what the user wants to see.
        """
        listed = self.resources.resources
        return {
            **{
                vmid: guest
                for vmid, guest in (listed.guests if listed else {}).items()
                if not guest.template
            },
            **self.resources.guests(),
        }

    def running_on(self, node: str) -> list[Guest]:
        """Return the guests that run on the node, seen or not."""
        return [
            guest
            for guest in self.all_guests().values()
            if guest.node == node and guest.state is GuestState.RUNNING
        ]

    def online_node(self, among: Iterable[str] = ()) -> str | None:
        """Return a node that is online, one of `among` if any are given."""
        nodes = self.resources.nodes()
        return next(
            (name for name in (*among, *nodes) if name in nodes and nodes[name].online),
            None,
        )

    def keeps(self, guest: Guest) -> bool:
        """Say whether the user wants to see the guest."""
        return self._selection.keeps(guest)

    def allows(self, path: str, privilege: str) -> bool:
        """Say whether the access holds a privilege; unknown is left to the cluster."""
        permissions = self.permissions.data.get(keys.CLUSTER)
        return permissions is None or permissions.allows(path, privilege)

    def importance(self, guest: Guest) -> Importance:
        """Return how important a guest is: the user's choice, a tag, else normal."""
        chosen = self.entry.options.get(CONF_IMPORTANCE, {}).get(str(guest.vmid))
        for candidate in (chosen, *(tag.replace("-", "_") for tag in guest.tags)):
            if candidate in Importance:
                return Importance(candidate)
        return Importance.NORMAL

    @callback
    def async_set_importance(self, vmid: int, importance: Importance) -> None:
        """Remember the user's choice."""
        chosen = self.entry.options.get(CONF_IMPORTANCE, {})
        self.hass.config_entries.async_update_entry(
            self.entry,
            options={
                **self.entry.options,
                CONF_IMPORTANCE: {**chosen, str(vmid): importance.value},
            },
        )

    # --- what commands need ----------------------------------------------------

    async def async_refresh_guest(self, guest: Guest) -> Guest:
        """Ask the guest itself how it is, and show it before the list catches up."""
        try:
            fresh = await self.client.guest_status(guest)
        except NotFoundError:
            # It moved since the last list, or it is gone: the list knows which.
            self.resources.async_distrust(guest)
            await self.resources.async_refresh()
            moved = self.guest(guest.vmid)
            if moved is None or moved.node == guest.node:
                raise
            fresh = await self.client.guest_status(moved)
        self.resources.async_set_guest(fresh)
        return fresh

    @callback
    def _async_task_finished(self, task: Task) -> None:
        self.entry.async_create_background_task(
            self.hass, self._async_follow(task), f"{self.entry.title} {task.type}"
        )

    async def _async_follow(self, task: Task) -> None:
        """Refresh what a task of anybody may have changed."""
        try:
            if task.type == "vzdump":
                await self.backups.async_refresh_all()
            elif task.type == "aptupdate":
                await self.packages.async_refresh_part(task.node)
            elif task.guest is not None and (guest := self.guest(task.guest)):
                await self.async_refresh_guest(guest)
                key = keys.guest_key(guest.vmid)
                await self.configs.async_refresh_part(key)
                if self.snapshots.has_item_listeners(key):
                    await self.snapshots.async_refresh_part(key)
        except HomelabError:
            # The next poll tells the same, or which fault keeps it from telling.
            return

    @callback
    def _async_remember_members(self) -> None:
        """Keep the members' addresses for a start at which the first one is dead."""
        data = self.entry.data
        hosts = list(dict.fromkeys((*data[CONF_HOSTS], *sorted(self.client.hosts))))
        fingerprints = sorted(self.client.member_fingerprints)
        if hosts == data[CONF_HOSTS] and fingerprints == data.get(
            CONF_MEMBER_FINGERPRINTS, []
        ):
            return
        self.hass.config_entries.async_update_entry(
            self.entry,
            data={
                **data,
                CONF_HOSTS: hosts,
                CONF_MEMBER_FINGERPRINTS: fingerprints,
            },
        )

    # --- coming and going --------------------------------------------------------

    @callback
    def _async_shape_may_have_changed(self) -> None:
        self.devices.async_update()
        self.forecast.note(self.resources.storages(), dt_util.utcnow())
        shape = (
            self.resources.data.keys() | self.disks.data.keys(),
            self.permissions.data.get(keys.CLUSTER),
            self.own_guest,
            self.own_node,
            self.is_own_guest_settled,
        )
        if shape != self._shape:
            self._shape = shape
            if self.own_guest.vmid is not None:
                async_drop_power(self.hass, self, keys.guest_key(self.own_guest.vmid))
            if self.own_node is not None:
                async_drop_power(self.hass, self, keys.node_key(self.own_node))
            self.async_shape_changed()

    # --- the own guest -----------------------------------------------------------

    @property
    def is_own_guest_settled(self) -> bool:
        """Whether the search for the own guest has come to an end, found or not."""
        return self._own_guest_searched or self.own_guest.is_certain

    def is_own_guest(self, vmid: int) -> bool:
        """Say whether the guest is known to run this Home Assistant."""
        return self.own_guest.vmid == vmid

    @property
    def own_node(self) -> str | None:
        """The node that runs the own guest now."""
        if self.own_guest.vmid is None:
            return None
        guest = self.all_guests().get(self.own_guest.vmid)
        return None if guest is None else guest.node

    async def _async_confirm_last_own_guest(self) -> None:
        """Prove the own guest of last time again, with one request."""
        picked = self.entry.options.get(CONF_OWN_GUEST)
        if picked is not None:
            vmid = None if picked == NO_OWN_GUEST else picked
            self.own_guest = OwnGuest(vmid=vmid, picked=True)
            return
        last = self.all_guests().get(
            self.entry.data.get(CONF_LAST_OWN_GUEST, NO_OWN_GUEST)
        )
        if last is not None:
            self.own_guest = await async_find_own_guest(self.hass, self.client, [last])

    async def _async_search_own_guest(self) -> None:
        """Compare all running guests with this host."""
        guests = self.all_guests()
        configs = {config.vmid: config for config in self.configs.data.values()}
        self._async_set_own_guest(
            await async_find_own_guest(self.hass, self.client, guests.values(), configs)
        )

    @callback
    def _async_set_own_guest(self, found: OwnGuest) -> None:
        self.own_guest = found
        self._own_guest_searched = True
        if found.vmid not in (None, self.entry.data.get(CONF_LAST_OWN_GUEST)):
            self.hass.config_entries.async_update_entry(
                self.entry, data={**self.entry.data, CONF_LAST_OWN_GUEST: found.vmid}
            )
        self._async_shape_may_have_changed()

    # --- for people who look for a fault -------------------------------------------

    def diagnostics(self) -> dict[str, Any]:
        """Return what is known; names stay, secrets not."""
        permissions = self.permissions.data.get(keys.CLUSTER)
        return {
            "version": self.version.version,
            "cluster": self.is_cluster,
            "quorate": self.is_quorate,
            "items": {kind: len(found) for kind, found in self.item_keys().items()},
            "permissions": {
                path: sorted(held)
                for path, held in (permissions.paths if permissions else {}).items()
            },
            "own_guest": {
                "vmid": self.own_guest.vmid,
                "picked": self.own_guest.picked,
                "proofs": sorted(self.own_guest.proofs),
                "candidates": list(self.own_guest.candidates),
            },
        }
