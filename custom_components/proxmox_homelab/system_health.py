"""How the sources fare, for the system information page."""

from collections.abc import Iterable
from typing import Any

from homeassistant.components.system_health import SystemHealthRegistration
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant, callback

from .const import DOMAIN
from .proxmox import keys
from .proxmox.models import ClusterSummary
from .proxmox.source import ProxmoxSource


@callback
def async_register(hass: HomeAssistant, register: SystemHealthRegistration) -> None:
    """Offer the information."""
    register.async_register_info(_async_info)


async def _async_info(hass: HomeAssistant) -> dict[str, Any]:
    entries = hass.config_entries.async_entries(DOMAIN, include_disabled=False)
    sources = [
        entry.runtime_data
        for entry in entries
        if entry.state is ConfigEntryState.LOADED
    ]
    clusters = [source for source in sources if isinstance(source, ProxmoxSource)]
    reachable = sum(source.is_connected for source in sources)
    return {
        "entries": len(entries),
        "reachable": f"{reachable}/{len(entries)}",
        "version": _line(source.version.version for source in clusters),
        "poll_time": _line(
            f"{summary.response_ms} ms"
            for source in clusters
            if isinstance(
                summary := source.resources.data.get(keys.CLUSTER), ClusterSummary
            )
        ),
        "failing_sections": _line(
            section.section
            for source in sources
            for section in source.coordinators.values()
            if not section.last_update_success
        ),
    }


def _line(values: Iterable[str]) -> str:
    return ", ".join(values) or "-"
