"""The evidence of a cluster for which guest runs this Home Assistant."""

import asyncio
from collections.abc import Iterable, Mapping
from ipaddress import ip_address

from homeassistant.components import network
from homeassistant.core import HomeAssistant

from ..errors import HomelabError
from ..own_guest import (
    GuestIdentity,
    HostIdentity,
    OwnGuest,
    find_own_guest,
    read_host_identity,
)
from .client import ProxmoxClient
from .models import Guest, GuestConfig, GuestInside, GuestState, GuestType


async def async_host_identity(hass: HomeAssistant) -> HostIdentity:
    """Return who this host is, by the adapters that Home Assistant uses."""
    addresses = {
        str(address).partition("%")[0]
        for address in await network.async_get_enabled_source_ips(hass)
        if not (address.is_loopback or address.is_link_local)
    }
    return await hass.async_add_executor_job(read_host_identity, addresses)


def identity_of(
    guest: Guest, config: GuestConfig, inside: GuestInside | None = None
) -> GuestIdentity:
    """Return what a cluster says of a guest, for the comparison with this host."""
    addresses = {*config.addresses, *(inside.addresses if inside else ())}
    return GuestIdentity(
        vmid=guest.vmid,
        macs=frozenset(config.macs),
        addresses=frozenset(
            str(ip_address(address)) for address in addresses if _is_address(address)
        ),
        smbios_uuid=config.smbios_uuid,
    )


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


async def async_find_own_guest(
    hass: HomeAssistant,
    client: ProxmoxClient,
    guests: Iterable[Guest],
    configs: Mapping[int, GuestConfig] | None = None,
) -> OwnGuest:
    """Return which of the running guests this Home Assistant runs in.

    `configs` are those that are known already, by vmid; others are asked for. The
    guests are asked from inside only when nothing else proves anything, because
    that costs a request each. A guest that cannot be read proves nothing.
    """
    host = await async_host_identity(hass)
    running = [guest for guest in guests if guest.state is GuestState.RUNNING]
    known = dict(configs or {})
    missing = [guest for guest in running if guest.vmid not in known]
    for config in await asyncio.gather(*(_config(client, g) for g in missing)):
        if config is not None:
            known[config.vmid] = config
    readable = [guest for guest in running if guest.vmid in known]
    found = find_own_guest(host, [identity_of(g, known[g.vmid]) for g in readable])
    if found.candidates:
        return found
    inside = await asyncio.gather(
        *(_inside(client, guest, known[guest.vmid]) for guest in readable)
    )
    return find_own_guest(
        host,
        [
            identity_of(guest, known[guest.vmid], said)
            for guest, said in zip(readable, inside, strict=True)
        ],
    )


async def _config(client: ProxmoxClient, guest: Guest) -> GuestConfig | None:
    try:
        return await client.guest_config(guest.ref)
    except HomelabError:
        return None


async def _inside(
    client: ProxmoxClient, guest: Guest, config: GuestConfig
) -> GuestInside | None:
    if guest.type is GuestType.VM and not config.agent_enabled:
        return None
    try:
        return await client.guest_inside(guest.ref)
    except HomelabError:
        return None
