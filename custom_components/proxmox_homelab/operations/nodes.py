"""What can be done to a node."""

import asyncio
from itertools import groupby
from typing import Final

from ..const import Importance
from ..guard import Consent, check_node_command
from ..proxmox.models import Guest, GuestCommand, NodeCommand
from ..proxmox.source import ProxmoxSource
from .core import Options, Outcome, async_finish, refuse, translated
from .guests import async_guest_power

_ALL_SECONDS: Final = 30 * 60

# What is nice to have goes first and what is critical last.
_ORDER: Final = (Importance.NICE_TO_HAVE, Importance.NORMAL, Importance.CRITICAL)


async def async_node_power(
    source: ProxmoxSource, name: str, command: NodeCommand, options: Options
) -> Outcome:
    """Carry out a command for a node.

    Shutting down or rebooting the node of the own guest, which takes the user's
    word, first shuts down its other guests in order; the own guest goes last, with
    the node.
    """
    refuse(check_node_command(source, name, command, options.consent))
    if command in (NodeCommand.REBOOT, NodeCommand.SHUTDOWN) and (
        source.own_node == name
    ):
        await _async_shut_down_others(source, name, options)
    async with translated(source):
        guests = None
        if command in (
            NodeCommand.START_ALL,
            NodeCommand.STOP_ALL,
            NodeCommand.SUSPEND_ALL,
        ):
            guests = [guest.vmid for guest in _others(source, name)]
        upid = await source.client.node_command(name, command, guests=guests)
        if upid is None:
            return Outcome()
        outcome = await async_finish(source, upid, options, _ALL_SECONDS)
        await source.resources.async_refresh()
    return outcome


def _others(source: ProxmoxSource, node: str) -> list[Guest]:
    return [
        guest
        for guest in source.resources.guests().values()
        if guest.node == node and not source.is_own_guest(guest.vmid)
    ]


async def _async_shut_down_others(
    source: ProxmoxSource, node: str, options: Options
) -> None:
    """Shut down group by group; a guest that will not go stops the plan."""

    def rank(guest: Guest) -> int:
        return _ORDER.index(source.importance(guest))

    running = [
        guest
        for guest in source.running_on(node)
        if not source.is_own_guest(guest.vmid)
    ]
    group_options = Options(
        consent=Consent(confirm_self=True, allow_impact=True), timeout=options.timeout
    )
    for _, group in groupby(sorted(running, key=rank), key=rank):
        await asyncio.gather(
            *(
                async_guest_power(
                    source, guest.vmid, GuestCommand.SHUTDOWN, group_options
                )
                for guest in group
            )
        )
