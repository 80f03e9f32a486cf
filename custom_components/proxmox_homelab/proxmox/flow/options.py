"""What can be tuned later: what to leave out, how often to ask, when to warn."""

from typing import Any

from homeassistant.config_entries import ConfigFlowResult, OptionsFlowWithReload
import probatio

from ...const import (
    CONF_EXCLUDE_GUESTS,
    CONF_OWN_GUEST,
    CONF_STORAGE_CRITICAL,
    CONF_STORAGE_WARNING,
)
from ...flow import EMPTY
from ..connect import async_create_client
from ..models import Resources
from . import forms
from .problems import NO_PROBLEM, Problem, attempt


class ProxmoxOptionsFlow(OptionsFlowWithReload):
    """The options of a Proxmox VE cluster; each page changes its own part only."""

    def __init__(self) -> None:
        """Start without knowing what the cluster has."""
        self._resources = Resources(nodes={}, guests={}, storages={})

    async def async_step_init(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Offer the pages."""
        return self.async_show_menu(
            step_id="init",
            menu_options=["exclusions", "intervals", "limits", "own_guest"],
        )

    async def async_step_exclusions(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Choose what to leave out."""
        if user_input is not None and self._resources.nodes:
            return self._save(forms.chosen_exclusions(user_input, self._resources))
        if (problem := await self._async_look()) is not None:
            return self._show("exclusions", EMPTY, problem)
        options = self.config_entry.options
        schema = probatio.Schema(forms.exclusions(self._resources, options))
        shown = dict(options)
        shown[CONF_EXCLUDE_GUESTS] = [
            str(vmid) for vmid in options.get(CONF_EXCLUDE_GUESTS, ())
        ]
        return self._show(
            "exclusions", self.add_suggested_values_to_schema(schema, shown)
        )

    async def async_step_intervals(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Choose how often to ask."""
        if user_input is not None:
            return self._save(user_input)
        return self._show("intervals", self._filled(forms.INTERVALS))

    async def async_step_limits(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Choose when to warn and how long to wait."""
        problem = NO_PROBLEM
        if user_input is not None:
            if user_input[CONF_STORAGE_WARNING] < user_input[CONF_STORAGE_CRITICAL]:
                return self._save(user_input)
            errors = {CONF_STORAGE_CRITICAL: "critical_not_above_warning"}
            problem = Problem(errors=errors)
        schema = self.add_suggested_values_to_schema(
            self._filled(forms.LIMITS), user_input
        )
        return self._show("limits", schema, problem)

    async def async_step_own_guest(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Choose the guest that runs Home Assistant, or let it be found."""
        if user_input is not None and self._resources.nodes:
            return self._save(forms.chosen_own_guest(user_input))
        if (problem := await self._async_look()) is not None:
            return self._show("own_guest", EMPTY, problem)
        fields = forms.own_guest(self._resources.guests.values())
        picked = self.config_entry.options.get(CONF_OWN_GUEST)
        shown = forms.OWN_GUEST_SEARCHED if picked is None else str(picked)
        schema = self.add_suggested_values_to_schema(
            probatio.Schema(fields), {CONF_OWN_GUEST: shown}
        )
        return self._show("own_guest", schema)

    async def _async_look(self) -> Problem | None:
        """Ask the cluster itself what there is, with what is left out now."""
        client = async_create_client(self.hass, self.config_entry.data)
        found = await attempt(client.resources())
        if isinstance(found, Problem):
            return found
        self._resources = found
        return None

    def _filled(self, schema: probatio.Schema) -> probatio.Schema:
        return self.add_suggested_values_to_schema(schema, self.config_entry.options)

    def _show(
        self, step_id: str, schema: probatio.Schema, problem: Problem = NO_PROBLEM
    ) -> ConfigFlowResult:
        return self.async_show_form(
            step_id=step_id,
            data_schema=schema,
            errors=problem.errors,
            description_placeholders=problem.placeholders,
        )

    def _save(self, changed: dict[str, Any]) -> ConfigFlowResult:
        return self.async_create_entry(data={**self.config_entry.options, **changed})
