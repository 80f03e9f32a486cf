"""What changes something: guests, snapshots, backups, nodes."""

from collections.abc import Sequence
from typing import Final

from ...errors import CommandRefusedError, InvalidRequestError
from ..models import GuestCommand, GuestRef, GuestType, NodeCommand
from ..paths import node_name, snapshot_name, storage_name
from ..resource import ParamValue
from ..transport import FORWARDED_SECONDS
from .base import Calls, checked_upid, started

_OVERRULE: Final = "overrule-shutdown"

# The last part of the path, for what does not carry its own name there.
_STATUS_PATHS: Final = {GuestCommand.HIBERNATE: "suspend"}
_VM_ONLY: Final = frozenset({GuestCommand.RESET, GuestCommand.HIBERNATE})
_BULK_PATHS: Final = {
    NodeCommand.START_ALL: "startall",
    NodeCommand.STOP_ALL: "stopall",
    NodeCommand.SUSPEND_ALL: "suspendall",
}


class CommandCalls(Calls):
    """Writing calls; each is sent once and never repeated by itself.

    Where a task is started its UPID is returned. `GuestLockedError`, `NoQuorumError`,
    `NotFoundError` and `CommandRefusedError` tell why one was not.
    """

    async def guest_command(
        self, ref: GuestRef, command: GuestCommand, *, timeout: int | None = None
    ) -> str:
        """Send a power command. Needs VM.PowerMgmt on the guest.

        `timeout` is in seconds, for shutdown and reboot. Hibernating needs
        VM.Config.Disk and Datastore.AllocateSpace, too. A hard stop overrules a
        shutdown that is still waiting.
        """
        if ref.type is GuestType.CONTAINER and command in _VM_ONLY:
            sentence = f"a container has no {command.value}"
            raise CommandRefusedError(sentence, reason=sentence)
        status = self._guest(ref).status(_STATUS_PATHS.get(command, command.value))
        match command:
            case GuestCommand.SHUTDOWN | GuestCommand.REBOOT:
                return await started(status, timeout=timeout)
            case GuestCommand.HIBERNATE:
                return await started(status, todisk=True)
            case GuestCommand.STOP:
                return await self._stop(ref)
        return await started(status)

    async def _stop(self, ref: GuestRef) -> str:
        stop = self._guest(ref).status.stop
        try:
            return await started(stop, **{_OVERRULE: True})
        except InvalidRequestError:
            # Refused before anything was done: older versions do not know it, and
            # guests of the HA manager may not have it.
            return await started(stop)

    async def migrate_guest(self, ref: GuestRef, target: str, *, online: bool) -> str:
        """Move a guest to another node. Needs VM.Migrate on it.

        A running VM moves live with its local disks; a running container is shut
        down, moved and started.
        """
        migrate = self._guest(ref).migrate
        target = node_name(target)
        if ref.type is GuestType.CONTAINER:
            return await started(migrate, target=target, restart=online or None)
        return await started(
            migrate,
            target=target,
            online=online or None,
            **{"with-local-disks": online or None},
        )

    async def create_snapshot(
        self,
        ref: GuestRef,
        name: str,
        description: str = "",
        with_memory: bool = False,
    ) -> str:
        """Take a snapshot, of a VM also with its memory. Needs VM.Snapshot."""
        memory = with_memory if ref.type is GuestType.VM else None
        return await started(
            self._guest(ref).snapshot,
            snapname=snapshot_name(name),
            description=description or None,
            vmstate=memory,
        )

    async def delete_snapshot(self, ref: GuestRef, name: str) -> str:
        """Delete a snapshot. Needs VM.Snapshot."""
        snapshot = self._guest(ref).snapshot(snapshot_name(name))
        return checked_upid(await snapshot.within(FORWARDED_SECONDS).delete())

    async def rollback_snapshot(
        self, ref: GuestRef, name: str, start: bool = False
    ) -> str:
        """Go back to a snapshot; the guest stops. Needs VM.Snapshot.Rollback.

        start: start it again; one with memory starts by itself.
        """
        rollback = self._guest(ref).snapshot(snapshot_name(name)).rollback
        return await started(rollback, start=start or None)

    async def create_backup(
        self,
        ref: GuestRef,
        storage: str,
        mode: str = "snapshot",
        notes: str | None = None,
        protected: bool = False,
    ) -> str:
        """Back a guest up. Needs VM.Backup on it and Datastore.AllocateSpace.

        Never prunes: by default the storage's retention would delete older backups.
        """
        params: dict[str, ParamValue] = {
            "vmid": ref.vmid,
            "storage": storage_name(storage),
            "mode": mode,
            "compress": "zstd",
            "remove": False,
            "protected": protected or None,
            "notes-template": _one_line(notes),
        }
        vzdump = self._node(ref.node).vzdump.within(FORWARDED_SECONDS)
        answer = await vzdump.post(**params)
        if answer == "OK":
            # That is what a node says that does not have the guest (VZDump.pm).
            sentence = f"guest {ref.vmid} is not on {ref.node}, nothing was backed up"
            raise CommandRefusedError(sentence, reason=sentence)
        return checked_upid(answer)

    async def node_command(
        self,
        node: str,
        command: NodeCommand,
        *,
        guests: Sequence[int] | None = None,
    ) -> str | None:
        """Send a command to a node; returns a UPID where there is a task.

        Reboot, shutdown and wake need Sys.PowerMgmt on /nodes/{node} and make no
        task; waking is done by the member in use. The bulk commands need VM.PowerMgmt
        on each of `guests`, None for all of the node; starting takes only those that
        start at boot.
        """
        if command is NodeCommand.WAKE:
            await self._node(node).wakeonlan.post()
            return None
        if command in (NodeCommand.REBOOT, NodeCommand.SHUTDOWN):
            status = self._node(node).status.within(FORWARDED_SECONDS)
            await status.post(command=command.value)
            return None
        if guests is not None and not guests:
            # An empty list would mean every guest.
            return None
        bulk = self._node(node)(_BULK_PATHS[command])
        return await started(bulk, vms=",".join(map(str, guests)) if guests else None)


def _one_line(notes: str | None) -> str | None:
    r"""Return notes as the template wants them: one line, line breaks as `\n`."""
    if not notes:
        return None
    return notes.replace("\\", "\\\\").replace("\r\n", "\n").replace("\n", "\\n")
