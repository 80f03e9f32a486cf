"""The names of the actions and of their fields."""

from enum import StrEnum


class Action(StrEnum):
    """The names of the actions."""

    START_GUEST = "start_guest"
    SHUTDOWN_GUEST = "shutdown_guest"
    STOP_GUEST = "stop_guest"
    RESTART_GUEST = "restart_guest"
    SUSPEND_GUEST = "suspend_guest"
    RESUME_GUEST = "resume_guest"
    MIGRATE_GUEST = "migrate_guest"
    CREATE_SNAPSHOT = "create_snapshot"
    DELETE_SNAPSHOT = "delete_snapshot"
    ROLLBACK_SNAPSHOT = "rollback_snapshot"
    LIST_SNAPSHOTS = "list_snapshots"
    CREATE_BACKUP = "create_backup"
    LIST_BACKUPS = "list_backups"
    WAKE_NODE = "wake_node"
    REBOOT_NODE = "reboot_node"
    SHUTDOWN_NODE = "shutdown_node"
    PERMIT_JOIN = "permit_join"
    ZIGBEE_NETWORK_MAP = "zigbee_network_map"
    CHECK_COORDINATOR = "check_coordinator"


class WrongKind(StrEnum):
    """The sentences about a device that an action is not for."""

    GUEST = "not_a_guest"
    NODE = "not_a_node"
    ZIGBEE_NETWORK = "not_a_zigbee_network"
    ZIGBEE2MQTT = "not_zigbee2mqtt"


class Field(StrEnum):
    """The names of their fields."""

    DEVICE_ID = "device_id"
    WAIT = "wait"
    TIMEOUT = "timeout"
    CONFIRM_SELF = "confirm_self"
    ALLOW_IMPACT = "allow_impact"
    TO_DISK = "to_disk"
    NODE = "node"
    SNAPSHOT = "snapshot"
    DESCRIPTION = "description"
    WITH_MEMORY = "with_memory"
    KEEP = "keep"
    START = "start"
    STORAGE = "storage"
    MODE = "mode"
    NOTES = "notes"
    PROTECTED = "protected"
    DURATION = "duration"
    ROUTER = "router"
    ROUTES = "routes"
