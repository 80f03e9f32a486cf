"""How a Proxmox VE cluster is set up: address, certificate, access, what to show."""

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from homeassistant.config_entries import (
    SOURCE_REAUTH,
    SOURCE_USER,
    ConfigEntry,
    ConfigFlow,
    ConfigFlowResult,
)
from homeassistant.const import (
    CONF_ADDRESS,
    CONF_HOST,
    CONF_PASSWORD,
    CONF_PORT,
    CONF_TOKEN,
    CONF_USERNAME,
)
import probatio

from ...const import (
    CONF_AUTH,
    CONF_CA_PEM,
    CONF_FINGERPRINT,
    CONF_HOSTS,
    CONF_KIND,
    CONF_LEVEL,
    CONF_MEMBER_FINGERPRINTS,
    CONF_OWN_GUEST,
    DEFAULT_PORT,
    Auth,
    Kind,
)
from ...own_guest import UNKNOWN, OwnGuest
from ..client import ProxmoxClient, cluster_unique_id
from ..connect import async_create_client
from ..credentials import PasswordCredentials, TokenFormatError, parse_token
from ..evidence import async_find_own_guest
from ..models import ClusterIdentity, Resources
from ..privileges import AccessLevel, Feature, FeatureStatus, pveum_block
from ..trust import PresentedCertificate, fetch_certificate
from . import forms
from .address import Address, parse_address
from .found import (
    ACCESS_KEYS,
    Found,
    account_of,
    async_identify,
    async_look,
    complete_username,
    counts,
    feature_cells,
    is_same_cluster,
    token_access,
)
from .problems import NO_PROBLEM, Problem, attempt, explain_token

_CORE_DOMAIN: Final = "proxmoxve"
_DASHBOARDS: Final = "/config/lovelace/dashboards"
_ADMINISTRATOR: Final = "root@pam"
_WAYS: Final = ["proxmox_create_access", "proxmox_token_level", "proxmox_password"]
# Asking a thousand guests takes longer than a person waits: then it is found later.
_OWN_GUEST_SECONDS = 10.0


class ProxmoxSteps(ConfigFlow):
    """The steps of a Proxmox VE cluster, for the first set-up and later changes.

    `_data` becomes the data of the entry. What an administrator types is never in
    it nor anywhere else in the flow: it lives as long as its step.
    """

    def __init__(self) -> None:
        """Start with nothing known."""
        self._data: dict[str, Any] = {CONF_KIND: Kind.PROXMOX.value}
        self._typed = ""
        self._level = AccessLevel.CONTROL.value
        self._title = ""
        self._presented: PresentedCertificate | None = None
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

    @property
    def _entry(self) -> ConfigEntry[Any]:
        """The entry that the flow is about, when it is not the first set-up."""
        if self.source == SOURCE_REAUTH:
            return self._get_reauth_entry()
        return self._get_reconfigure_entry()

    # --- what all forms share -------------------------------------------------------

    def _client(self, data: Mapping[str, Any]) -> ProxmoxClient:
        return async_create_client(self.hass, data)

    def _show(
        self,
        step_id: str,
        schema: probatio.Schema,
        problem: Problem = NO_PROBLEM,
        suggested: Mapping[str, Any] | None = None,
        placeholders: Mapping[str, str] | None = None,
    ) -> ConfigFlowResult:
        """Show a form with what was typed, but never a secret."""
        address = self._typed if CONF_HOSTS not in self._data else str(self._address)
        return self.async_show_form(
            step_id=step_id,
            data_schema=self.add_suggested_values_to_schema(schema, suggested),
            errors=problem.errors,
            description_placeholders={
                "address": address,
                **(placeholders or {}),
                **problem.placeholders,
            },
        )

    # --- where it is --------------------------------------------------------------

    async def async_step_proxmox_address(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask for the address of one member of the cluster."""
        if user_input is None:
            return self._show_address(NO_PROBLEM)
        self._typed = user_input[CONF_ADDRESS]
        try:
            address = parse_address(self._typed)
        except ValueError:
            errors = {CONF_ADDRESS: "address_invalid"}
            return self._show_address(Problem(errors=errors))
        return await self._async_connect(address)

    def _show_address(self, problem: Problem) -> ConfigFlowResult:
        return self._show(
            "proxmox_address",
            forms.ADDRESS,
            problem,
            {CONF_ADDRESS: self._typed or self._suggested_address()},
            {"example": f"https://192.168.1.10:{DEFAULT_PORT}"},
        )

    def _suggested_address(self) -> str:
        """Return what is known already, from this entry or from core's integration."""
        if CONF_HOSTS in self._data:
            return str(self._address)
        for entry in self.hass.config_entries.async_entries(_CORE_DOMAIN):
            if host := entry.data.get(CONF_HOST):
                return str(Address(host, entry.data.get(CONF_PORT, DEFAULT_PORT)))
        return ""

    @property
    def _address(self) -> Address:
        return Address(
            self._data[CONF_HOSTS][0], self._data.get(CONF_PORT, DEFAULT_PORT)
        )

    # --- whether it is what it says -------------------------------------------------

    async def _async_connect(self, address: Address) -> ConfigFlowResult:
        """See what certificate is presented; only an unknown one is asked about."""
        presented = await attempt(fetch_certificate(address.host, address.port))
        if isinstance(presented, Problem):
            self._typed = self._typed or str(address)
            return self._show_address(presented)
        self._data |= {CONF_HOSTS: [address.host], CONF_PORT: address.port}
        if presented.publicly_trusted:
            self._data |= {CONF_FINGERPRINT: None, CONF_CA_PEM: None}
        elif presented.fingerprint not in self._confirmed:
            return self._show_certificate(presented)
        return await self._async_trusted()

    @property
    def _confirmed(self) -> set[str | None]:
        """The certificates that the user, or the cluster itself, vouched for."""
        members = self._data.get(CONF_MEMBER_FINGERPRINTS, ())
        return {self._data.get(CONF_FINGERPRINT), *members}

    def _show_certificate(self, presented: PresentedCertificate) -> ConfigFlowResult:
        self._presented = presented
        return self._show(
            "proxmox_certificate",
            forms.EMPTY,
            placeholders={
                "fingerprint": presented.fingerprint,
                "subject": presented.subject,
                "issuer": presented.issuer,
                "expires": f"{presented.expires_at:%Y-%m-%d}",
            },
        )

    async def async_step_proxmox_certificate(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Keep the certificate that the user has compared."""
        if self._presented is None:
            return await self._async_connect(self._address)
        self._data |= {
            CONF_FINGERPRINT: self._presented.fingerprint,
            CONF_CA_PEM: self._presented.ca_pem,
            CONF_MEMBER_FINGERPRINTS: [],
        }
        return await self._async_trusted()

    async def _async_trusted(self) -> ConfigFlowResult:
        """Go on with the access that there is, else ask for one."""
        if CONF_AUTH not in self._data or self.source == SOURCE_REAUTH:
            return await self.async_step_proxmox_access()
        found = await attempt(async_look(self._client(self._data)))
        if not isinstance(found, Problem):
            return await self._async_use(found)
        if found.credentials:
            return await self.async_step_proxmox_access()
        return self._show_address(found)

    # --- access ---------------------------------------------------------------------

    async def async_step_proxmox_access(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Offer the three ways to an access."""
        if self.source == SOURCE_REAUTH:
            return self.async_show_menu(
                step_id="proxmox_reauth",
                menu_options=_WAYS,
                description_placeholders={"name": self._entry.title},
            )
        return self.async_show_menu(
            step_id="proxmox_access",
            menu_options=_WAYS,
            description_placeholders={"address": str(self._address)},
        )

    async def async_step_proxmox_create_access(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Let an administrator sign in once to have the access made."""
        problem, username = NO_PROBLEM, _ADMINISTRATOR
        if user_input is not None:
            username = user_input[CONF_USERNAME]
            result = await self._async_create_access(user_input)
            if not isinstance(result, Problem):
                return result
            problem = result
        return self._show(
            "proxmox_create_access",
            forms.CREATE_ACCESS,
            problem,
            {CONF_LEVEL: self._level, CONF_USERNAME: username},
        )

    async def _async_create_access(
        self, user_input: dict[str, Any]
    ) -> ConfigFlowResult | Problem:
        self._level = user_input[CONF_LEVEL]
        username = complete_username(user_input[CONF_USERNAME])
        if isinstance(username, Problem):
            return username
        administrator = PasswordCredentials(
            username=username,
            password=user_input[CONF_PASSWORD],
            totp=user_input.get(forms.CONF_TOTP, "").replace(" ", "") or None,
        )
        client = async_create_client(self.hass, self._data, administrator)
        seen = await attempt(async_identify(client))
        if isinstance(seen, Problem):
            return await self._async_unless_certificate(seen)
        version, identity = seen
        # Nothing is made in a cluster that is set up already, or that is another one.
        if (refusal := await self._async_claim(identity)) is not None:
            return refusal
        token = await attempt(client.set_up_access(AccessLevel(self._level), version))
        if isinstance(token, Problem):
            return token
        return await self._async_try(token_access(token, self._level))

    async def async_step_proxmox_token_level(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask how much the token is to allow, to show the commands that make it."""
        if user_input is None:
            return self._show(
                "proxmox_token_level",
                forms.LEVEL,
                suggested={CONF_LEVEL: self._level},
            )
        self._level = user_input[CONF_LEVEL]
        return await self.async_step_proxmox_token()

    async def async_step_proxmox_token(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Take a token, as `user@realm!name=secret`."""
        problem = NO_PROBLEM
        if user_input is not None:
            result = await self._async_paste(user_input[CONF_TOKEN])
            if not isinstance(result, Problem):
                return result
            problem = result
        level = AccessLevel(self._level)
        return self._show(
            "proxmox_token",
            forms.TOKEN,
            problem,
            placeholders={
                "commands": pveum_block(level, 9),
                "commands_before_9": pveum_block(level, 8),
            },
        )

    async def _async_paste(self, text: str) -> ConfigFlowResult | Problem:
        try:
            token = parse_token(text)
        except TokenFormatError as err:
            return explain_token(err)
        return await self._async_try(token_access(token, self._level))

    async def async_step_proxmox_password(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Take the name and the password of an account without a second factor."""
        problem, username = NO_PROBLEM, ""
        if user_input is not None:
            username = user_input[CONF_USERNAME]
            result = await self._async_sign_in(username, user_input[CONF_PASSWORD])
            if not isinstance(result, Problem):
                return result
            problem = result
        return self._show(
            "proxmox_password", forms.PASSWORD, problem, {CONF_USERNAME: username}
        )

    async def _async_sign_in(
        self, typed: str, password: str
    ) -> ConfigFlowResult | Problem:
        username = complete_username(typed)
        if isinstance(username, Problem):
            return username
        return await self._async_try(
            {
                CONF_AUTH: Auth.PASSWORD.value,
                CONF_USERNAME: username,
                CONF_PASSWORD: password,
                CONF_LEVEL: AccessLevel.EVERYTHING.value,
            }
        )

    async def _async_try(self, access: dict[str, Any]) -> ConfigFlowResult | Problem:
        """Go on with an access when the cluster accepts it."""
        others = {k: v for k, v in self._data.items() if k not in ACCESS_KEYS}
        data = {**others, **access}
        found = await attempt(async_look(self._client(data)))
        if isinstance(found, Problem):
            return await self._async_unless_certificate(found)
        self._data = data
        return await self._async_use(found)

    async def _async_unless_certificate(
        self, problem: Problem
    ) -> ConfigFlowResult | Problem:
        """Return a problem, but have another certificate compared at once.

        That it is publicly trusted does not matter here: Home Assistant's authorities
        need not be those of the system.
        """
        if not problem.certificate:
            return problem
        address = self._address
        presented = await attempt(fetch_certificate(address.host, address.port))
        if isinstance(presented, Problem):
            return presented
        return self._show_certificate(presented)

    # --- what it allows -------------------------------------------------------------

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
        await self.async_set_unique_id(cluster_unique_id(identity))
        return None

    async def async_step_proxmox_recheck(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask again what the access allows."""
        found = await attempt(async_look(self._client(self._data)))
        if isinstance(found, Problem):
            return self._show("proxmox_recheck", forms.EMPTY, found)
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
            return self._show("proxmox_recheck", forms.EMPTY, resources)
        self._resources = resources
        own = await self._async_own_guest(client)
        fields = forms.exclusions(resources, {})
        candidates = [resources.guests[vmid] for vmid in own.candidates]
        if len(candidates) > 1:
            fields |= forms.own_guest(candidates)
        return self._show(
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
            data=self._data,
            options=options,
            description="created",
            description_placeholders={"dashboard_url": _DASHBOARDS},
        )
