"""The flows that fix an issue together with the user."""

from collections.abc import Mapping
from contextlib import suppress

from homeassistant.components.repairs import RepairsFlow, RepairsFlowResult
from homeassistant.config_entries import ConfigEntryState
from homeassistant.const import CONF_PORT
from homeassistant.core import HomeAssistant
from homeassistant.helpers.selector import (
    SelectOptionDict,
    SelectSelector,
    SelectSelectorConfig,
    SelectSelectorMode,
)
import probatio

from .const import (
    CONF_CA_PEM,
    CONF_FINGERPRINT,
    CONF_HOSTS,
    CONF_MEMBER_FINGERPRINTS,
    CONF_OWN_GUEST,
    DEFAULT_PORT,
    NO_OWN_GUEST,
)
from .errors import HomelabError
from .guard import title
from .issues import Issue
from .proxmox.models import Guest, GuestState
from .proxmox.source import ProxmoxSource
from .proxmox.trust import PresentedCertificate, fetch_certificate
from .source import HomelabConfigEntry, Source


async def async_create_fix_flow(
    hass: HomeAssistant,
    issue_id: str,
    data: dict[str, str | int | float | None] | None,
) -> RepairsFlow:
    """Return the flow for an issue."""
    known = data or {}
    entry = hass.config_entries.async_get_known_entry(str(known["entry_id"]))
    if known["issue"] == Issue.OWN_GUEST_UNKNOWN:
        return OwnGuestFlow(entry)
    return CertificateFlow(entry, old=str(known["old"]), new=str(known["new"]))


class OwnGuestFlow(RepairsFlow):
    """The user says which guest runs this Home Assistant."""

    def __init__(self, entry: HomelabConfigEntry) -> None:
        """Remember whose guests are in question."""
        self._entry = entry

    async def async_step_init(
        self, user_input: Mapping[str, str] | None = None
    ) -> RepairsFlowResult:
        """Ask whether it is one of the guests at all."""
        if self._entry.state is not ConfigEntryState.LOADED:
            return self.async_abort(reason="not_loaded")
        source = self._entry.runtime_data
        return self.async_show_menu(
            step_id="init",
            menu_options=["pick", "elsewhere"],
            description_placeholders={
                "title": self._entry.title,
                "candidates": ", ".join(map(title, _candidates(source))) or "-",
            },
        )

    async def async_step_pick(
        self, user_input: Mapping[str, str] | None = None
    ) -> RepairsFlowResult:
        """Let the user pick a running guest."""
        if user_input is not None:
            return self._async_store(int(user_input[CONF_OWN_GUEST]))
        field = probatio.Required(CONF_OWN_GUEST)
        return self.async_show_form(
            step_id="pick",
            data_schema=probatio.Schema(
                {field: _guest_selector(self._entry.runtime_data)}
            ),
            description_placeholders={"title": self._entry.title},
        )

    async def async_step_elsewhere(
        self, user_input: Mapping[str, str] | None = None
    ) -> RepairsFlowResult:
        """Home Assistant runs on something that is not of this cluster."""
        return self._async_store(NO_OWN_GUEST)

    def _async_store(self, vmid: int) -> RepairsFlowResult:
        entries = self.hass.config_entries
        entries.async_update_entry(
            self._entry, options={**self._entry.options, CONF_OWN_GUEST: vmid}
        )
        entries.async_schedule_reload(self._entry.entry_id)
        return self.async_create_entry(data={})


def _candidates(source: Source) -> list[Guest]:
    """Return the guests for which a proof speaks."""
    if not isinstance(source, ProxmoxSource):
        return []
    known = source.all_guests()
    return [known[vmid] for vmid in source.own_guest.candidates if vmid in known]


def _guest_selector(source: Source) -> SelectSelector:
    """Return the running guests to choose from, those with a proof first."""
    guests = _candidates(source)
    if isinstance(source, ProxmoxSource):
        running = [
            guest
            for guest in source.all_guests().values()
            if guest.state is GuestState.RUNNING and guest not in guests
        ]
        guests += sorted(running, key=lambda guest: (guest.name or "", guest.vmid))
    return SelectSelector(
        SelectSelectorConfig(
            options=[
                SelectOptionDict(value=str(guest.vmid), label=title(guest))
                for guest in guests
            ],
            mode=SelectSelectorMode.DROPDOWN,
        )
    )


class CertificateFlow(RepairsFlow):
    """The user compares the new certificate and accepts it."""

    def __init__(self, entry: HomelabConfigEntry, *, old: str, new: str) -> None:
        """Remember the two fingerprints, both may be unknown."""
        self._entry = entry
        self._old = old
        self._new = new

    async def async_step_init(
        self, user_input: Mapping[str, str] | None = None
    ) -> RepairsFlowResult:
        """Show first: the repairs hand over data here that nobody has entered."""
        return await self.async_step_confirm()

    async def async_step_confirm(
        self, user_input: Mapping[str, str] | None = None
    ) -> RepairsFlowResult:
        """Show the two fingerprints; accept what was shown and nothing else."""
        presented = await self._async_presented()
        if presented is None:
            return self.async_abort(reason="cannot_connect")
        if user_input is not None and presented.fingerprint == self._new:
            return self._async_accept(presented)
        self._new = presented.fingerprint
        return self.async_show_form(
            step_id="confirm",
            data_schema=probatio.Schema({}),
            description_placeholders={
                "title": self._entry.title,
                "old": self._old or "-",
                "new": presented.fingerprint,
                "subject": presented.subject,
                "issuer": presented.issuer,
                "expires": f"{presented.expires_at:%Y-%m-%d}",
            },
        )

    async def _async_presented(self) -> PresentedCertificate | None:
        """Return what the first host that answers presents now."""
        data = self._entry.data
        for host in data[CONF_HOSTS]:
            with suppress(HomelabError):
                return await fetch_certificate(host, data.get(CONF_PORT, DEFAULT_PORT))
        return None

    def _async_accept(self, presented: PresentedCertificate) -> RepairsFlowResult:
        # What the system trusts renews itself every few weeks and needs no pin.
        trusted = presented.publicly_trusted
        entries = self.hass.config_entries
        entries.async_update_entry(
            self._entry,
            data={
                **self._entry.data,
                CONF_FINGERPRINT: None if trusted else presented.fingerprint,
                CONF_CA_PEM: None if trusted else presented.ca_pem,
                CONF_MEMBER_FINGERPRINTS: [],
            },
        )
        entries.async_schedule_reload(self._entry.entry_id)
        return self.async_create_entry(data={})
