"""The power of a guest, and its move to another node."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from time import monotonic
from typing import Final

from ..const import CONF_SHUTDOWN_TIMEOUT, DEFAULT_SHUTDOWN_TIMEOUT
from ..errors import NotFoundError, TaskTimeoutError
from ..guard import check_guest_command, check_migration
from ..proxmox import keys
from ..proxmox.models import Guest, GuestCommand, GuestState
from ..proxmox.source import ProxmoxSource
from .core import (
    ALREADY,
    Options,
    Outcome,
    async_finish,
    async_fresh_guest,
    audited,
    refreshing,
    refuse,
)

_START_SECONDS: Final = 120
_MIGRATION_SECONDS: Final = 2 * 3600
# The HA manager acts in cycles of 10 s, on two nodes after each other.
_HA_SECONDS: Final = 180
_HA_POLL_SECONDS: Final = 2

_RUNNING: Final = frozenset({GuestState.RUNNING})
_STOPPED: Final = frozenset({GuestState.STOPPED})
_HELD: Final = frozenset({GuestState.PAUSED, GuestState.SUSPENDED})

# What a command is meant to lead to; in that state it has nothing to do.
_TARGETS: Final = {
    GuestCommand.START: _RUNNING,
    GuestCommand.RESUME: _RUNNING,
    GuestCommand.SHUTDOWN: _STOPPED,
    GuestCommand.STOP: _STOPPED,
    GuestCommand.SUSPEND: _HELD,
    GuestCommand.HIBERNATE: frozenset({GuestState.HIBERNATED}),
}


async def async_guest_power(
    source: ProxmoxSource, vmid: int, command: GuestCommand, options: Options
) -> Outcome:
    """Carry out a power command and follow it to the state it is meant to lead to."""
    async with audited(source, keys.guest_key(vmid), command, options) as audit:
        guest = await async_fresh_guest(source, vmid)
        target = _TARGETS.get(command)
        if target and guest.state in target and guest.unreachable_since is None:
            return audit.ended(ALREADY)
        refuse(check_guest_command(source, guest, command, options.consent))
        async with refreshing(source, guest):
            return audit.ended(await _async_send_power(source, guest, command, options))


async def _async_send_power(
    source: ProxmoxSource, guest: Guest, command: GuestCommand, options: Options
) -> Outcome:
    timeout = None
    deadline = _START_SECONDS
    if command in (GuestCommand.SHUTDOWN, GuestCommand.REBOOT):
        timeout = options.timeout or source.entry.options.get(
            CONF_SHUTDOWN_TIMEOUT, DEFAULT_SHUTDOWN_TIMEOUT
        )
        # The task ends by itself at the time-out and says so.
        deadline = timeout + 30
    upid = await source.client.guest_command(guest.ref, command, timeout=timeout)
    outcome = await async_finish(source, upid, options, deadline)
    target = _TARGETS.get(command)
    if guest.ha_state and target is not None and options.wait:
        await _async_follow_ha(
            source, guest, lambda fresh: fresh.state in target, deadline + _HA_SECONDS
        )
    return outcome


async def _async_follow_ha(
    source: ProxmoxSource,
    guest: Guest,
    is_reached: Callable[[Guest], bool],
    seconds: float,
) -> None:
    """Wait for the real state: the task of an HA-managed guest ends at once."""
    until = monotonic() + seconds
    while monotonic() < until:
        # Between two nodes it is on neither of them for a moment.
        with suppress(NotFoundError):
            guest = await source.async_refresh_guest(guest)
            if is_reached(guest):
                return
        await asyncio.sleep(_HA_POLL_SECONDS)
    raise TaskTimeoutError(
        f"HA manager did not act on guest {guest.vmid}", seconds=str(round(seconds))
    )


async def async_migrate(
    source: ProxmoxSource, vmid: int, node: str, options: Options
) -> Outcome:
    """Move the guest to another node: a running VM live, a container by restart."""
    async with audited(source, keys.guest_key(vmid), "migrate", options) as audit:
        guest = await async_fresh_guest(source, vmid)
        if guest.node == node:
            return audit.ended(ALREADY)
        refuse(check_migration(source, guest, node, options.consent))
        async with refreshing(source, guest):
            return audit.ended(await _async_send_move(source, guest, node, options))


async def _async_send_move(
    source: ProxmoxSource, guest: Guest, node: str, options: Options
) -> Outcome:
    upid = await source.client.migrate_guest(
        guest.ref, node, online=guest.state is GuestState.RUNNING
    )
    outcome = await async_finish(source, upid, options, _MIGRATION_SECONDS)
    if not options.wait:
        return outcome
    if guest.ha_state:
        await _async_follow_ha(
            source, guest, lambda fresh: fresh.node == node, _MIGRATION_SECONDS
        )
    else:
        await source.async_refresh_guest(replace(guest, node=node))
    return outcome
