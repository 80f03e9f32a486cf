"""What is asked guest by guest."""

from ...errors import CommandRefusedError, NotFoundError, PermissionDeniedError
from ...values import required_mapping
from ..models import Guest, GuestConfig, GuestInside, GuestRef, GuestType, Snapshot
from ..parse import (
    parse_config,
    parse_container_inside,
    parse_current_status,
    parse_snapshots,
    parse_vm_inside,
)
from ..parse.values import flag
from .base import Calls


class GuestCalls(Calls):
    """Reading calls below `/nodes/{node}/{qemu,lxc}/{vmid}`.

    Each raises `NotFoundError` when the guest is not on that node any more.
    """

    async def guest_status(self, guest: Guest) -> Guest:
        """Return `guest` as it is at this moment. Needs VM.Audit.

        Source: `GET .../status/current`, where `qmpstatus` tells a paused VM from a
        running one.
        """
        answer = await self._guest(guest.ref).status.current.get()
        return parse_current_status(
            required_mapping(answer, f"status of {guest.vmid}"), guest
        )

    async def guest_config(self, ref: GuestRef) -> GuestConfig:
        """Return the configuration. Needs VM.Audit. Source: `GET .../config`."""
        answer = await self._guest(ref).config.get()
        return parse_config(answer, ref.vmid, ref.type)

    async def guest_inside(self, ref: GuestRef) -> GuestInside:
        """Return addresses and disk as the guest itself tells them.

        A VM needs VM.GuestAgent.Audit (VM.Monitor before 9.0) and its agent: without
        it this raises `CommandRefusedError`. An agent that cannot tell the file
        systems leaves the disk unknown. A container needs VM.Audit.
        """
        guest = self._guest(ref)
        if ref.type is GuestType.CONTAINER:
            return parse_container_inside(ref.vmid, await guest.interfaces.get())
        interfaces = await guest.agent("network-get-interfaces").get()
        try:
            filesystems = await guest.agent("get-fsinfo").get()
        except CommandRefusedError, NotFoundError, PermissionDeniedError:
            filesystems = None
        return parse_vm_inside(ref.vmid, interfaces, filesystems)

    async def snapshots(self, ref: GuestRef) -> tuple[Snapshot, ...]:
        """Return the snapshots, oldest first. Needs VM.Audit."""
        return parse_snapshots(await self._guest(ref).snapshot.get())

    async def snapshot_feasible(self, ref: GuestRef) -> bool:
        """Say whether the storages of the guest can do snapshots. Needs VM.Audit."""
        answer = await self._guest(ref).feature.get(feature="snapshot")
        return flag(required_mapping(answer, "feature").get("hasFeature"))
