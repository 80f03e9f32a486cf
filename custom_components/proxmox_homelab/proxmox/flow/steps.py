"""How a Proxmox VE cluster is set up, and changed later."""

import asyncio
from collections.abc import Mapping
from typing import Any, Final, override

from homeassistant.config_entries import SOURCE_USER, ConfigFlowResult
import probatio

from ...const import (
    CONF_CA_PEM,
    CONF_FINGERPRINT,
    CONF_KIND,
    CONF_LEVEL,
    CONF_OWN_GUEST,
    Kind,
)
from ...flow import EMPTY
from ...own_guest import UNKNOWN, OwnGuest
from ..client import ProxmoxClient, cluster_unique_id
from ..evidence import async_find_own_guest
from ..models import ClusterIdentity, Resources
from ..privileges import Feature, FeatureStatus
from . import forms
from .access import AccessSteps
from .found import (
    Found,
    account_of,
    async_look,
    counts,
    feature_cells,
    is_same_cluster,
)
from .problems import Problem, attempt

_DASHBOARDS: Final = "/config/lovelace/dashboards"
# Asking a thousand guests takes longer than a person waits: then it is found later.
_OWN_GUEST_SECONDS = 10.0


class ProxmoxSteps(AccessSteps):
    """All steps: address, certificate, access, what it allows, what is there."""

    def __init__(self) -> None:
        """Start with nothing known."""
        super().__init__()
        self._title = ""
        self._features: Mapping[Feature, FeatureStatus] = {}
        self._resources = Resources(nodes={}, guests={}, storages={})

    # --- how it begins --------------------------------------------------------------

    async def async_step_proxmox_reauth(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask for a new access, because the one there is was refused."""
        self._remember_entry()
        return await self.async_step_proxmox_access()

    async def async_step_proxmox_reconfigure(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Offer what of the connection can be changed."""
        self._remember_entry()
        return self.async_show_menu(
            step_id="proxmox_reconfigure",
            menu_options=[
                "proxmox_address",
                "proxmox_certificate",
                "proxmox_access",
            ],
            description_placeholders={
                "name": self._entry.title,
                "address": str(self._address),
            },
        )

    def _remember_entry(self) -> None:
        self._data = dict(self._entry.data)
        self._level = self._data.get(CONF_LEVEL, self._level)

    # --- what it allows -------------------------------------------------------------

    @override
    async def _async_use(self, found: Found) -> ConfigFlowResult:
        """Show what was found, or keep it for the entry that it is about."""
        if (refusal := await self._async_claim(found.identity)) is not None:
            return refusal
        self._title = found.identity.name
        if self._data.get(CONF_FINGERPRINT) and found.identity.ca_pem:
            # Told over a confirmed connection; it vouches for the other members.
            self._data[CONF_CA_PEM] = found.identity.ca_pem
        self._features = found.features
        if not found.is_of_use:
            return await self.async_step_proxmox_no_permissions()
        if self.source == SOURCE_USER:
            return await self.async_step_proxmox_permissions()
        return self.async_update_reload_and_abort(self._entry, data=self._data)

    async def async_step_proxmox_permissions(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Show what the access allows; a part of it is enough to go on."""
        return self.async_show_menu(
            step_id="proxmox_permissions",
            menu_options=["proxmox_found", "proxmox_recheck", "proxmox_access"],
            description_placeholders=feature_cells(self._features),
        )

    async def async_step_proxmox_no_permissions(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Explain why an access that is accepted allows nothing."""
        return self.async_show_menu(
            step_id="proxmox_no_permissions",
            menu_options=["proxmox_recheck", "proxmox_access"],
            description_placeholders={"account": account_of(self._data)},
        )

    @override
    async def _async_claim(self, identity: ClusterIdentity) -> ConfigFlowResult | None:
        """Take the identity for this flow; return why not when it is not its."""
        if self.source != SOURCE_USER:
            if is_same_cluster(self._entry.unique_id, identity):
                return None
            return self.async_abort(
                reason="unique_id_mismatch",
                description_placeholders={
                    "expected": self._entry.title,
                    "found": identity.name,
                },
            )
        if any(
            is_same_cluster(entry.unique_id, identity)
            for entry in self._async_current_entries()
        ):
            return self.async_abort(reason="already_configured")
        # A set-up that was left with its browser tab open must not block this one.
        await self.async_set_unique_id(
            cluster_unique_id(identity), raise_on_progress=False
        )
        return None

    async def async_step_proxmox_recheck(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask again what the access allows."""
        found = await attempt(async_look(self._client(self._data)))
        if isinstance(found, Problem):
            return self._ask("proxmox_recheck", EMPTY, found)
        return await self._async_use(found)

    # --- what is there --------------------------------------------------------------

    async def async_step_proxmox_found(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Show what was found and let the user leave something out."""
        if user_input is not None:
            return self._create(user_input)
        client = self._client(self._data)
        resources = await attempt(client.resources())
        if isinstance(resources, Problem):
            return self._ask("proxmox_recheck", EMPTY, resources)
        self._resources = resources
        own = await self._async_own_guest(client)
        fields = forms.exclusions(resources, {})
        candidates = [resources.guests[vmid] for vmid in own.candidates]
        if len(candidates) > 1:
            fields |= forms.own_guest(candidates)
        return self._ask(
            "proxmox_found",
            probatio.Schema(fields),
            placeholders={
                **counts(resources),
                "own_guest": ", ".join(map(forms.guest_label, candidates)) or "-",
            },
        )

    async def _async_own_guest(self, client: ProxmoxClient) -> OwnGuest:
        try:
            async with asyncio.timeout(_OWN_GUEST_SECONDS):
                return await async_find_own_guest(
                    self.hass, client, self._resources.guests.values()
                )
        except TimeoutError:
            return UNKNOWN

    def _create(self, user_input: dict[str, Any]) -> ConfigFlowResult:
        options = forms.chosen_exclusions(user_input, self._resources)
        if CONF_OWN_GUEST in user_input:
            options |= forms.chosen_own_guest(user_input)
        return self.async_create_entry(
            title=self._title,
            data={CONF_KIND: Kind.PROXMOX.value, **self._data},
            options=options,
            description="created",
            description_placeholders={"dashboard_url": _DASHBOARDS},
        )
