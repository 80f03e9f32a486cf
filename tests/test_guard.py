"""Whether a command may go out: one question, one answer, one reason."""

from dataclasses import replace

from homeassistant.core import HomeAssistant
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.proxmox_homelab.const import (
    CONF_AUTH,
    CONF_HOSTS,
    CONF_IMPORTANCE,
    CONF_KIND,
    CONF_TOKEN_ID,
    CONF_TOKEN_SECRET,
    DOMAIN,
    Auth,
    Kind,
)
from custom_components.proxmox_homelab.guard import (
    Consent,
    Reason,
    Refusal,
    check_cutting,
    check_guest,
    check_guest_command,
    check_migration,
    check_node_command,
    check_rollback,
)
from custom_components.proxmox_homelab.own_guest import OwnGuest
from custom_components.proxmox_homelab.proxmox import keys
from custom_components.proxmox_homelab.proxmox.models import (
    ClusterStatus,
    Guest,
    GuestCommand,
    GuestState,
    GuestType,
    Node,
    NodeCommand,
    Permissions,
)
from custom_components.proxmox_homelab.proxmox.source import ProxmoxSource

NO = Consent()
SELF = Consent(confirm_self=True)
IMPACT = Consent(allow_impact=True)

OWN = Guest(
    vmid=103,
    type=GuestType.VM,
    node="pve1",
    name="homeassistant",
    state=GuestState.RUNNING,
)
VM = Guest(
    vmid=200, type=GuestType.VM, node="pve1", name="win11", state=GuestState.RUNNING
)
CONTAINER = Guest(
    vmid=106,
    type=GuestType.CONTAINER,
    node="pve2",
    name="emqx",
    state=GuestState.RUNNING,
    tags=("critical", "mqtt"),
)

CUTTING = [
    GuestCommand.SHUTDOWN,
    GuestCommand.STOP,
    GuestCommand.REBOOT,
    GuestCommand.RESET,
    GuestCommand.SUSPEND,
    GuestCommand.HIBERNATE,
]


@pytest.fixture
async def source(hass: HomeAssistant) -> ProxmoxSource:
    """Return a cluster of three nodes that knows its own guest."""
    entry = MockConfigEntry(
        domain=DOMAIN,
        data={
            CONF_KIND: Kind.PROXMOX,
            CONF_HOSTS: ["127.0.0.1"],
            CONF_AUTH: Auth.TOKEN,
            CONF_TOKEN_ID: "demo@pve!lab",
            CONF_TOKEN_SECRET: "not-used",
        },
    )
    entry.add_to_hass(hass)
    source = ProxmoxSource(hass, entry)
    source.resources.data = {
        **{keys.node_key(n): Node(name=n, online=n != "pve3") for n in NODES},
        **{keys.guest_key(guest.vmid): guest for guest in (OWN, VM, CONTAINER)},
    }
    set_quorum(source, quorate=True)
    source.own_guest = OwnGuest(vmid=OWN.vmid)
    return source


NODES = ("pve1", "pve2", "pve3")


def set_quorum(source: ProxmoxSource, *, quorate: bool) -> None:
    status = ClusterStatus(name="lab", quorate=quorate, members=())
    source.cluster.data = {keys.CLUSTER: status}


def grant(source: ProxmoxSource, **paths: str) -> None:
    """Give exactly these privileges; a path is written without its slashes."""
    found = {
        "/" + path.replace("_", "/"): dict.fromkeys(held.split(), True)
        for path, held in paths.items()
    }
    source.permissions.data = {keys.CLUSTER: Permissions(paths={"/": {}, **found})}


def mark(source: ProxmoxSource, vmid: int, importance: str) -> None:
    source.hass.config_entries.async_update_entry(
        source.entry, options={CONF_IMPORTANCE: {str(vmid): importance}}
    )


def reason(refusal: Refusal | None) -> Reason | None:
    return refusal.reason if refusal else None


# --- any command -------------------------------------------------------------------


def test_a_guest_that_nothing_speaks_against(source: ProxmoxSource) -> None:
    assert check_guest(source, VM, "VM.Snapshot") is None


def test_a_guest_on_a_node_that_is_off(source: ProxmoxSource) -> None:
    gone = replace(VM, unreachable_since=dt_util.utcnow())
    refusal = check_guest(source, gone, "VM.PowerMgmt")
    assert refusal == Refusal(
        reason=Reason.NODE_OFFLINE,
        placeholders={"guest": "win11 (200)", "node": "pve1"},
    )


def test_a_privilege_that_is_missing(source: ProxmoxSource) -> None:
    grant(source, vms="VM.Audit VM.PowerMgmt", vms_200="VM.Audit")
    refusal = check_guest(source, VM, "VM.PowerMgmt")
    assert refusal == Refusal(
        reason=Reason.PRIVILEGE,
        placeholders={
            "guest": "win11 (200)",
            "privilege": "VM.PowerMgmt",
            "path": "/vms/200",
        },
    )
    assert check_guest(source, CONTAINER, "VM.PowerMgmt") is None


def test_a_lost_quorum(source: ProxmoxSource) -> None:
    set_quorum(source, quorate=False)
    assert reason(check_guest(source, VM, "VM.PowerMgmt")) is Reason.NO_QUORUM
    refusal = check_node_command(source, "pve2", NodeCommand.START_ALL, NO)
    assert reason(refusal) is Reason.NO_QUORUM


def test_a_quorum_that_may_not_be_read_is_left_to_the_cluster(
    source: ProxmoxSource,
) -> None:
    source.cluster.data = {}
    assert check_guest(source, VM, "VM.PowerMgmt") is None


def test_a_lock_is_named(source: ProxmoxSource) -> None:
    refusal = check_guest(source, replace(VM, lock="backup"), "VM.PowerMgmt")
    assert refusal is not None
    assert refusal.reason is Reason.LOCKED
    assert refusal.placeholders["lock"] == "backup"


def test_the_lock_of_hibernation_does_not_keep_from_starting(
    source: ProxmoxSource,
) -> None:
    asleep = replace(VM, state=GuestState.HIBERNATED, lock="suspended")
    assert check_guest_command(source, asleep, GuestCommand.START, NO) is None
    assert check_guest_command(source, asleep, GuestCommand.RESUME, NO) is None


# --- power of guests ------------------------------------------------------------


@pytest.mark.parametrize("command", CUTTING)
def test_the_own_guest_is_not_taken_away(
    source: ProxmoxSource, command: GuestCommand
) -> None:
    refusal = check_guest_command(source, OWN, command, IMPACT)
    assert reason(refusal) is Reason.OWN_GUEST
    assert check_guest_command(source, OWN, command, SELF) is None


@pytest.mark.parametrize("command", CUTTING)
def test_any_guest_could_be_the_own_one_while_it_is_not_known(
    source: ProxmoxSource, command: GuestCommand
) -> None:
    source.own_guest = OwnGuest(vmid=None, candidates=(103, 200))
    refusal = check_guest_command(source, VM, command, IMPACT)
    assert reason(refusal) is Reason.OWN_GUEST_UNKNOWN
    assert check_guest_command(source, VM, command, SELF) is None
    assert check_guest_command(source, VM, GuestCommand.START, NO) is None


def test_a_user_who_says_that_it_runs_elsewhere_is_believed(
    source: ProxmoxSource,
) -> None:
    source.own_guest = OwnGuest(vmid=None, picked=True)
    assert check_guest_command(source, OWN, GuestCommand.SHUTDOWN, NO) is None


@pytest.mark.parametrize("command", [GuestCommand.SHUTDOWN, GuestCommand.STOP])
def test_what_is_tagged_critical_takes_a_word(
    source: ProxmoxSource, command: GuestCommand
) -> None:
    refusal = check_guest_command(source, CONTAINER, command, SELF)
    assert refusal == Refusal(
        reason=Reason.IMPACT,
        placeholders={"guest": "emqx (106)", "critical": "emqx (106)"},
    )
    assert check_guest_command(source, CONTAINER, command, IMPACT) is None


def test_the_users_choice_outranks_the_tag(source: ProxmoxSource) -> None:
    mark(source, 106, "nice_to_have")
    assert check_cutting(source, CONTAINER, NO) is None
    mark(source, 200, "critical")
    assert reason(check_cutting(source, VM, NO)) is Reason.IMPACT


@pytest.mark.parametrize("command", CUTTING)
@pytest.mark.parametrize("state", [GuestState.STOPPED, GuestState.HIBERNATED])
def test_what_is_off_cannot_be_taken_away(
    source: ProxmoxSource, command: GuestCommand, state: GuestState
) -> None:
    off = replace(VM, state=state)
    refusal = check_guest_command(source, off, command, NO)
    assert reason(refusal) is Reason.NOT_RUNNING


def test_what_is_off_cannot_be_resumed(source: ProxmoxSource) -> None:
    off = replace(VM, state=GuestState.STOPPED)
    refusal = check_guest_command(source, off, GuestCommand.RESUME, NO)
    assert reason(refusal) is Reason.NOT_RUNNING


@pytest.mark.parametrize(
    "command", [GuestCommand.START, GuestCommand.SHUTDOWN, GuestCommand.REBOOT]
)
def test_a_paused_guest_hears_nothing(
    source: ProxmoxSource, command: GuestCommand
) -> None:
    paused = replace(VM, state=GuestState.PAUSED)
    assert reason(check_guest_command(source, paused, command, NO)) is Reason.PAUSED
    assert check_guest_command(source, paused, GuestCommand.STOP, NO) is None
    assert check_guest_command(source, paused, GuestCommand.RESUME, NO) is None


@pytest.mark.parametrize(
    "command", [GuestCommand.RESET, GuestCommand.SUSPEND, GuestCommand.HIBERNATE]
)
def test_what_a_container_cannot_do(
    source: ProxmoxSource, command: GuestCommand
) -> None:
    refusal = check_guest_command(source, CONTAINER, command, IMPACT)
    assert reason(refusal) is Reason.CONTAINER


def test_hibernating_needs_a_privilege_of_its_own(source: ProxmoxSource) -> None:
    grant(source, vms="VM.PowerMgmt")
    assert check_guest_command(source, VM, GuestCommand.SUSPEND, NO) is None
    refusal = check_guest_command(source, VM, GuestCommand.HIBERNATE, NO)
    assert refusal is not None
    assert refusal.placeholders["privilege"] == "VM.Config.Disk"


# --- moving and rolling back -----------------------------------------------------


def test_a_move_needs_a_node_that_is_there(source: ProxmoxSource) -> None:
    assert check_migration(source, VM, "pve2", NO) is None
    assert reason(check_migration(source, VM, "pve9", NO)) is Reason.UNKNOWN_NODE
    offline = check_migration(source, VM, "pve3", NO)
    assert offline == Refusal(
        reason=Reason.NODE_OFFLINE,
        placeholders={"guest": "win11 (200)", "node": "pve3"},
    )


def test_a_running_container_moves_by_a_restart(source: ProxmoxSource) -> None:
    assert reason(check_migration(source, CONTAINER, "pve1", NO)) is Reason.IMPACT
    assert check_migration(source, CONTAINER, "pve1", IMPACT) is None
    stopped = replace(CONTAINER, state=GuestState.STOPPED)
    assert check_migration(source, stopped, "pve1", NO) is None


def test_a_move_needs_its_privilege(source: ProxmoxSource) -> None:
    grant(source, vms="VM.PowerMgmt")
    assert reason(check_migration(source, VM, "pve2", NO)) is Reason.PRIVILEGE


def test_the_own_vm_may_move_live(source: ProxmoxSource) -> None:
    assert check_migration(source, OWN, "pve2", NO) is None


def test_the_own_guest_is_never_rolled_back(source: ProxmoxSource) -> None:
    yes = Consent(confirm_self=True, allow_impact=True)
    assert reason(check_rollback(source, OWN, yes)) is Reason.OWN_GUEST_NEVER
    assert check_rollback(source, VM, NO) is None


@pytest.mark.parametrize(
    ("held", "expected"),
    [
        ("VM.Snapshot", None),
        ("VM.Snapshot.Rollback", None),
        ("VM.PowerMgmt", Reason.PRIVILEGE),
    ],
)
def test_either_privilege_rolls_back(
    source: ProxmoxSource, held: str, expected: Reason | None
) -> None:
    grant(source, vms=held)
    assert reason(check_rollback(source, VM, NO)) is expected


# --- nodes --------------------------------------------------------------------------


@pytest.mark.parametrize("command", list(NodeCommand))
def test_a_node_that_does_not_exist(
    source: ProxmoxSource, command: NodeCommand
) -> None:
    refusal = check_node_command(source, "pve9", command, NO)
    assert refusal == Refusal(reason=Reason.UNKNOWN_NODE, placeholders={"node": "pve9"})


@pytest.mark.parametrize("command", list(NodeCommand))
def test_a_node_that_is_off_can_only_be_woken(
    source: ProxmoxSource, command: NodeCommand
) -> None:
    expected = None if command is NodeCommand.WAKE else Reason.NODE_OFFLINE
    assert reason(check_node_command(source, "pve3", command, NO)) is expected


@pytest.mark.parametrize("command", [NodeCommand.REBOOT, NodeCommand.SHUTDOWN])
def test_the_own_node_takes_a_word(source: ProxmoxSource, command: NodeCommand) -> None:
    refusal = check_node_command(source, "pve1", command, NO)
    assert reason(refusal) is Reason.OWN_NODE
    assert check_node_command(source, "pve1", command, SELF) is None


@pytest.mark.parametrize("command", [NodeCommand.REBOOT, NodeCommand.SHUTDOWN])
def test_a_node_takes_its_critical_guests_down(
    source: ProxmoxSource, command: NodeCommand
) -> None:
    refusal = check_node_command(source, "pve2", command, NO)
    assert refusal == Refusal(
        reason=Reason.IMPACT,
        placeholders={"guest": "pve2", "critical": "emqx (106)"},
    )
    assert check_node_command(source, "pve2", command, IMPACT) is None


@pytest.mark.parametrize(
    "command",
    [
        NodeCommand.REBOOT,
        NodeCommand.SHUTDOWN,
        NodeCommand.STOP_ALL,
        NodeCommand.SUSPEND_ALL,
    ],
)
def test_any_node_could_be_the_own_one_while_it_is_not_known(
    source: ProxmoxSource, command: NodeCommand
) -> None:
    source.own_guest = OwnGuest(vmid=None)
    refusal = check_node_command(source, "pve2", command, IMPACT)
    assert reason(refusal) is Reason.OWN_GUEST_UNKNOWN
    assert check_node_command(source, "pve2", NodeCommand.START_ALL, NO) is None


def test_stopping_all_never_counts_the_own_guest(source: ProxmoxSource) -> None:
    mark(source, 103, "critical")
    assert check_node_command(source, "pve1", NodeCommand.STOP_ALL, NO) is None
    refusal = check_node_command(source, "pve2", NodeCommand.STOP_ALL, NO)
    assert reason(refusal) is Reason.IMPACT


@pytest.mark.parametrize(
    ("command", "privilege", "path"),
    [
        (NodeCommand.SHUTDOWN, "Sys.PowerMgmt", "/nodes/pve2"),
        (NodeCommand.WAKE, "Sys.PowerMgmt", "/nodes/pve2"),
        (NodeCommand.STOP_ALL, "VM.PowerMgmt", "/vms"),
    ],
)
def test_a_node_command_needs_its_privilege(
    source: ProxmoxSource, command: NodeCommand, privilege: str, path: str
) -> None:
    grant(source, nodes="Sys.Audit", vms="VM.Audit")
    refusal = check_node_command(source, "pve2", command, IMPACT)
    assert refusal == Refusal(
        reason=Reason.PRIVILEGE,
        placeholders={"guest": "pve2", "privilege": privilege, "path": path},
    )
