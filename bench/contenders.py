"""The two integrations that are compared, each with the entry of the same cluster."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from .lab import Access


class Contender(StrEnum):
    """Who is measured."""

    CORE = "proxmoxve"
    OURS = "proxmox_homelab"


@dataclass(frozen=True, slots=True, kw_only=True)
class Contestant:
    """What the probe needs to know of an integration.

    entry: what its config flow would store.
    coordinator: where its fast poll is, seen from the entry.
    seconds_between_polls: its rhythm as installed.
    """

    entry: dict[str, Any]
    coordinator: str
    seconds_between_polls: float


def contestant(contender: Contender, access: Access) -> Contestant:
    """Return an integration, set up for a cluster with everything allowed."""
    if contender is Contender.CORE:
        return _core(access)
    return _ours(access)


def _core(access: Access) -> Contestant:
    token_id, _, secret = access.token.partition("=")
    user, _, token_name = token_id.partition("!")
    realm = user.rpartition("@")[2]
    return Contestant(
        entry={
            "domain": Contender.CORE,
            "version": 3,
            "minor_version": 1,
            "title": access.host,
            "unique_id": None,
            "data": {
                "host": access.host,
                "port": access.port,
                "auth_method": realm if realm in ("pam", "pve") else "other",
                "realm": realm,
                "username": user,
                "token": True,
                "token_id": token_name,
                "token_value": secret,
                "verify_ssl": False,
                "nodes": [],
            },
            "options": {},
        },
        coordinator="runtime_data",
        seconds_between_polls=60.0,
    )


def _ours(access: Access) -> Contestant:
    token_id, _, secret = access.token.partition("=")
    return Contestant(
        entry={
            "domain": Contender.OURS,
            "version": 1,
            "minor_version": 1,
            "title": "bench",
            "unique_id": "bench-0123456789abcdef",
            "data": {
                "kind": "proxmox",
                "hosts": [access.host],
                "port": access.port,
                "auth": "token",
                "token_id": token_id,
                "token_secret": secret,
                "fingerprint": None,
                "ca_pem": access.ca_pem,
                "level": "everything",
            },
            # Home Assistant runs in none of these guests.
            "options": {"own_guest": 0},
        },
        coordinator="runtime_data.inventory",
        seconds_between_polls=10.0,
    )
