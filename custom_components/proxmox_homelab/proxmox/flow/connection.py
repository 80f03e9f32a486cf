"""The steps that find a cluster and decide whether it is what it says."""

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, Final

from homeassistant.config_entries import SOURCE_REAUTH, ConfigFlowResult
from homeassistant.const import CONF_ADDRESS, CONF_HOST, CONF_PORT
import probatio

from ...const import (
    CONF_AUTH,
    CONF_CA_PEM,
    CONF_FINGERPRINT,
    CONF_HOSTS,
    CONF_MEMBER_FINGERPRINTS,
    DEFAULT_PORT,
)
from ...flow import EMPTY, HomelabSteps
from ..client import ProxmoxClient
from ..connect import async_create_client
from ..trust import PresentedCertificate, fetch_certificate
from . import forms
from .address import Address, parse_address
from .found import Found, async_look
from .problems import NO_PROBLEM, Problem, attempt

_CORE_DOMAIN: Final = "proxmoxve"


class ConnectionSteps(HomelabSteps):
    """Address and certificate; `_data` becomes the data of the entry."""

    def __init__(self) -> None:
        """Start with nothing known."""
        super().__init__()
        self._typed = ""
        self._presented: PresentedCertificate | None = None

    @abstractmethod
    async def async_step_proxmox_access(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Offer the ways to an access."""

    @abstractmethod
    async def _async_use(self, found: Found) -> ConfigFlowResult:
        """Go on with an access that the cluster accepts."""

    # --- what all forms share -------------------------------------------------------

    def _client(self, data: Mapping[str, Any]) -> ProxmoxClient:
        return async_create_client(self.hass, data)

    def _ask(
        self,
        step_id: str,
        schema: probatio.Schema,
        problem: Problem = NO_PROBLEM,
        suggested: Mapping[str, Any] | None = None,
        placeholders: Mapping[str, str] | None = None,
    ) -> ConfigFlowResult:
        """Show a form that may name the address."""
        named = {"address": self._known_address, **(placeholders or {})}
        return self._show(step_id, schema, problem, suggested, named)

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
        address = self._typed or self._suggested_address()
        return self._ask(
            "proxmox_address",
            forms.ADDRESS,
            problem,
            {CONF_ADDRESS: address},
            {"address": address, "example": f"https://192.168.1.10:{DEFAULT_PORT}"},
        )

    def _suggested_address(self) -> str:
        """Return what is known already, here or to core's integration."""
        if self._known_address:
            return self._known_address
        for entry in self.hass.config_entries.async_entries(_CORE_DOMAIN):
            if host := entry.data.get(CONF_HOST):
                return str(Address(host, entry.data.get(CONF_PORT, DEFAULT_PORT)))
        return ""

    @property
    def _address(self) -> Address:
        return Address(
            self._data[CONF_HOSTS][0], self._data.get(CONF_PORT, DEFAULT_PORT)
        )

    @property
    def _known_address(self) -> str:
        return str(self._address) if CONF_HOSTS in self._data else ""

    # --- whether it is what it says -------------------------------------------------

    async def _async_connect(self, address: Address) -> ConfigFlowResult:
        """See what certificate is presented; only an unknown one is asked about."""
        presented = await attempt(fetch_certificate(address.host, address.port))
        if isinstance(presented, Problem):
            self._typed = self._typed or str(address)
            return self._show_address(presented)
        self._data |= {CONF_HOSTS: [address.host], CONF_PORT: address.port}
        if presented.publicly_trusted:
            self._confirm(None, None)
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
        return self._ask(
            "proxmox_certificate",
            EMPTY,
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
        self._confirm(self._presented.fingerprint, self._presented.ca_pem)
        return await self._async_trusted()

    def _confirm(self, fingerprint: str | None, ca_pem: str | None) -> None:
        self._data |= {
            CONF_FINGERPRINT: fingerprint,
            CONF_CA_PEM: ca_pem,
            CONF_MEMBER_FINGERPRINTS: [],
        }

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
