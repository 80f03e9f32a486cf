"""What the user has to do something about: issues are raised and cleared here.

An issue stays while its entry is reloaded, so that one that the user ignored stays
ignored; it goes with its cause, and with its entry.
"""

from collections.abc import Iterable
from datetime import timedelta
from enum import StrEnum
from typing import Final

from homeassistant.core import HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import issue_registry as ir
from homeassistant.util import dt as dt_util

from .const import CONF_FINGERPRINT, DOMAIN
from .errors import CertificateChangedError
from .guard import title
from .proxmox.models import Guest, Node
from .proxmox.source import ProxmoxSource
from .source import HomelabConfigEntry

# A reboot, or a cable that was pulled and put back, is over by then.
_OFFLINE_HOLD_OFF: Final = timedelta(minutes=2)


class Issue(StrEnum):
    """The issues by the key of their texts."""

    OWN_GUEST_UNKNOWN = "own_guest_unknown"
    CERTIFICATE_CHANGED = "certificate_changed"
    NODE_OFFLINE = "node_offline"


def issue_id(issue: Issue, entry: HomelabConfigEntry, what: str = "") -> str:
    """Return the id of an issue, the same one whenever it comes up again."""
    return "_".join(filter(None, (issue, entry.entry_id, what)))


@callback
def async_watch(hass: HomeAssistant, entry: HomelabConfigEntry) -> None:
    """Raise and clear the issues of an entry for as long as it is loaded."""
    source = entry.runtime_data

    @callback
    def check_source() -> None:
        _async_check_certificate(hass, entry)
        if isinstance(source, ProxmoxSource):
            _async_check_nodes(source)

    @callback
    def check_shape() -> None:
        if isinstance(source, ProxmoxSource):
            _async_check_own_guest(source)

    @callback
    def forget() -> None:
        if entry.disabled_by is not None:
            async_clear(hass, entry)

    check_source()
    check_shape()
    entry.async_on_unload(source.inventory.async_add_listener(check_source))
    entry.async_on_unload(source.async_on_shape_change(check_shape))
    entry.async_on_unload(forget)


@callback
def async_explain(
    hass: HomeAssistant, entry: HomelabConfigEntry, err: HomeAssistantError
) -> None:
    """Raise the issue that lies behind a set-up that failed, if there is one."""
    if isinstance(err.__cause__, CertificateChangedError):
        _async_raise_certificate(hass, entry, err.__cause__)


@callback
def async_clear(hass: HomeAssistant, entry: HomelabConfigEntry) -> None:
    """Drop all issues of an entry that is removed or disabled."""
    for issue in Issue:
        for found in _ids_of(hass, entry, issue):
            ir.async_delete_issue(hass, DOMAIN, found)


def _ids_of(
    hass: HomeAssistant, entry: HomelabConfigEntry, issue: Issue
) -> Iterable[str]:
    """Return the ids of the active issues of a kind that an entry has."""
    start = issue_id(issue, entry)
    return [
        found.issue_id
        for found in ir.async_get(hass).issues.values()
        if found.domain == DOMAIN and found.active and found.issue_id.startswith(start)
    ]


def _async_check_own_guest(source: ProxmoxSource) -> None:
    found = issue_id(Issue.OWN_GUEST_UNKNOWN, source.entry)
    if not source.is_own_guest_settled:
        return
    if source.own_guest.is_certain:
        ir.async_delete_issue(source.hass, DOMAIN, found)
        return
    known = source.all_guests()
    candidates = [known[vmid] for vmid in source.own_guest.candidates if vmid in known]
    ir.async_create_issue(
        source.hass,
        DOMAIN,
        found,
        is_fixable=True,
        severity=ir.IssueSeverity.WARNING,
        translation_key=Issue.OWN_GUEST_UNKNOWN,
        translation_placeholders={
            "title": source.entry.title,
            "candidates": _names(candidates),
        },
        data={"issue": Issue.OWN_GUEST_UNKNOWN, "entry_id": source.entry.entry_id},
    )


def _async_check_certificate(hass: HomeAssistant, entry: HomelabConfigEntry) -> None:
    inventory = entry.runtime_data.inventory
    if isinstance(inventory.last_error, CertificateChangedError):
        _async_raise_certificate(hass, entry, inventory.last_error)
    elif inventory.last_update_success:
        ir.async_delete_issue(hass, DOMAIN, issue_id(Issue.CERTIFICATE_CHANGED, entry))


def _async_raise_certificate(
    hass: HomeAssistant, entry: HomelabConfigEntry, err: CertificateChangedError
) -> None:
    ir.async_create_issue(
        hass,
        DOMAIN,
        issue_id(Issue.CERTIFICATE_CHANGED, entry),
        is_fixable=True,
        severity=ir.IssueSeverity.ERROR,
        translation_key=Issue.CERTIFICATE_CHANGED,
        translation_placeholders={"title": entry.title},
        data={
            "issue": Issue.CERTIFICATE_CHANGED,
            "entry_id": entry.entry_id,
            "old": entry.data.get(CONF_FINGERPRINT) or "",
            "new": err.fingerprint,
        },
    )


def _async_check_nodes(source: ProxmoxSource) -> None:
    # Without an answer nothing is known of any node.
    if not source.is_cluster or not source.resources.last_update_success:
        return
    offline = {
        issue_id(Issue.NODE_OFFLINE, source.entry, node.name): node
        for node in source.resources.nodes().values()
        if node.unreachable_since is not None
        and dt_util.utcnow() - node.unreachable_since >= _OFFLINE_HOLD_OFF
    }
    for found in _ids_of(source.hass, source.entry, Issue.NODE_OFFLINE):
        if found not in offline:
            ir.async_delete_issue(source.hass, DOMAIN, found)
    for found, node in offline.items():
        _async_raise_node(source, found, node)


def _async_raise_node(source: ProxmoxSource, found: str, node: Node) -> None:
    waiting = [
        guest
        for guest in source.resources.guests().values()
        if guest.node == node.name and guest.unreachable_since is not None
    ]
    since = dt_util.as_local(node.unreachable_since or dt_util.utcnow())
    ir.async_create_issue(
        source.hass,
        DOMAIN,
        found,
        is_fixable=False,
        severity=ir.IssueSeverity.WARNING,
        translation_key=Issue.NODE_OFFLINE,
        translation_placeholders={
            "node": node.name,
            "title": source.entry.title,
            "since": f"{since:%Y-%m-%d %H:%M}",
            "count": str(len(waiting)),
            "guests": _names(waiting),
        },
    )


def _names(guests: Iterable[Guest]) -> str:
    return ", ".join(sorted(map(title, guests))) or "-"
