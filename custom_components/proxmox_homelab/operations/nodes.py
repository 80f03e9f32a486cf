"""What can be done to a node."""

import asyncio
from itertools import groupby
from typing import Final

from ..const import Importance
from ..guard import Consent, check_guest, check_node_command
from ..proxmox import keys
from ..proxmox.models import Guest, GuestCommand, NodeCommand
from ..proxmox.source import ProxmoxSource
from .core import (
    ALREADY,
    Options,
    Outcome,
    async_finish,
    audited,
    refuse,
    translated,
)
from .guests import async_guest_power

_ALL_SECONDS: Final = 30 * 60

# What is nice to have goes first and what is critical last.
_ORDER: Final = (Importance.NICE_TO_HAVE, Importance.NORMAL, Importance.CRITICAL)

_OF_ALL_GUESTS: Final = (
    NodeCommand.START_ALL,
    NodeCommand.STOP_ALL,
    NodeCommand.SUSPEND_ALL,
)


async def async_node_power(
    source: ProxmoxSource, name: str, command: NodeCommand, options: Options
) -> Outcome:
    """Carry out a command for a node.

    Shutting down or rebooting the node of the own guest, which takes the user's
    word, first shuts down its other guests in order; the own guest goes last, with
    the node.
    """
    # A guest has a shutdown and a reboot, too: the event has to tell them apart.
    word = f"node_{command}"
    async with audited(source, keys.node_key(name), word, options) as audit:
        refuse(check_node_command(source, name, command, options.consent))
        guests = _guests_of(source, name, command)
        if guests == [] or _is_awake(source, name, command):
            return audit.ended(ALREADY)
        if source.own_node == name and command in (
            NodeCommand.REBOOT,
            NodeCommand.SHUTDOWN,
        ):
            await _async_shut_down_others(source, name, options)
        async with translated(source):
            upid = await source.client.node_command(name, command, guests=guests)
            if upid is None:
                return audit.ended(Outcome())
            outcome = await async_finish(source, upid, options, _ALL_SECONDS)
            await source.resources.async_refresh()
        return audit.ended(outcome)


def _guests_of(
    source: ProxmoxSource, node: str, command: NodeCommand
) -> list[int] | None:
    """Return whom the command is for, None where that is the node itself.

    An empty list must never be sent: Proxmox VE takes it for all guests.
    """
    if command not in _OF_ALL_GUESTS:
        return None
    return [
        guest.vmid
        for guest in source.resources.guests().values()
        if guest.node == node and not source.is_own_guest(guest.vmid)
    ]


def _is_awake(source: ProxmoxSource, name: str, command: NodeCommand) -> bool:
    node = source.node(name)
    return command is NodeCommand.WAKE and node is not None and bool(node.online)


async def _async_shut_down_others(
    source: ProxmoxSource, node: str, options: Options
) -> None:
    """Shut down group by group; a guest that will not go stops the plan."""

    def rank(guest: Guest) -> int:
        return _ORDER.index(source.importance(guest))

    # The HA manager moves or freezes its guests itself when their node goes, and
    # what the user left out goes with the node.
    others = [
        guest
        for guest in source.running_on(node)
        if not source.is_own_guest(guest.vmid)
        and not guest.ha_state
        and source.keeps(guest)
    ]
    for guest in others:
        refuse(check_guest(source, guest, "VM.PowerMgmt"))
    group_options = Options(
        consent=Consent(confirm_self=True, allow_impact=True),
        timeout=options.timeout,
        context=options.context,
    )
    for _, group in groupby(sorted(others, key=rank), key=rank):
        ends = await asyncio.gather(
            *(
                async_guest_power(
                    source, guest.vmid, GuestCommand.SHUTDOWN, group_options
                )
                for guest in group
            ),
            return_exceptions=True,
        )
        for end in ends:
            if isinstance(end, BaseException):
                raise end
