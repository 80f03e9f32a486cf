"""What an access shows, and what the flow reads from it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from homeassistant.const import CONF_PASSWORD, CONF_USERNAME

from ...const import (
    CONF_AUTH,
    CONF_LEVEL,
    CONF_TOKEN_ID,
    CONF_TOKEN_SECRET,
    Auth,
)
from ..client import ProxmoxClient, cluster_unique_id
from ..credentials import TokenCredentials
from ..models import ClusterIdentity, GuestType, Resources, Version
from ..privileges import Feature, FeatureStatus, evaluate
from .problems import Problem

# What an entry knows of its access; all of it changes together.
ACCESS_KEYS: Final = frozenset(
    {
        CONF_AUTH,
        CONF_LEVEL,
        CONF_PASSWORD,
        CONF_TOKEN_ID,
        CONF_TOKEN_SECRET,
        CONF_USERNAME,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Which cluster an access leads to, and what it allows there."""

    identity: ClusterIdentity
    features: Mapping[Feature, FeatureStatus]

    @property
    def is_of_use(self) -> bool:
        """Whether anything at all is allowed."""
        return any(status.allowed for status in self.features.values())


async def async_identify(client: ProxmoxClient) -> tuple[Version, ClusterIdentity]:
    """Return which cluster a client speaks with."""
    return await client.version(), await client.identity()


async def async_look(client: ProxmoxClient) -> Found:
    """Return which cluster a client speaks with and what it may do there."""
    version, identity = await async_identify(client)
    permissions = await client.permissions()
    return Found(identity=identity, features=evaluate(permissions, version.major))


def is_same_cluster(unique_id: str | None, identity: ClusterIdentity) -> bool:
    """Say whether an entry is about a cluster.

    An access without Sys.Audit does not see the name of the cluster, but everybody
    sees its authority, with which the unique id ends.
    """
    wanted = cluster_unique_id(identity)
    if unique_id is None or identity.ca_fingerprint is None:
        return unique_id == wanted
    return unique_id.endswith(f"-{wanted.rpartition('-')[2]}")


def token_access(token: TokenCredentials, level: str) -> dict[str, Any]:
    """Return what an entry keeps of a token."""
    return {
        CONF_AUTH: Auth.TOKEN.value,
        CONF_TOKEN_ID: token.token_id,
        CONF_TOKEN_SECRET: token.secret,
        CONF_LEVEL: level,
    }


def account_of(data: Mapping[str, Any]) -> str:
    """Return the name of the token or user of an entry."""
    name: str = data[CONF_TOKEN_ID if data[CONF_AUTH] == Auth.TOKEN else CONF_USERNAME]
    return name


def complete_username(typed: str) -> str | Problem:
    """Return user@realm; everybody means the same with "root" alone."""
    typed = typed.strip()
    if "@" in typed:
        return typed
    if typed == "root":
        return "root@pam"
    return Problem(errors={CONF_USERNAME: "realm_missing"})


def feature_cells(features: Mapping[Feature, FeatureStatus]) -> dict[str, str]:
    """Return the cells of the table of features, without a word to translate."""
    return {feature.value: _cell(status) for feature, status in features.items()}


def _cell(status: FeatureStatus) -> str:
    if not status.allowed:
        return f"❌ {status.missing} ({status.path})"
    limits = ", ".join(status.limited_to)
    return f"✅ ({limits})" if limits else "✅"


def counts(resources: Resources) -> dict[str, str]:
    """Return how many there are of everything."""
    guests = resources.guests.values()
    vms = sum(guest.type is GuestType.VM for guest in guests)
    return {
        "nodes": str(len(resources.nodes)),
        "vms": str(vms),
        "containers": str(len(guests) - vms),
        "storages": str(len(resources.storages)),
    }
