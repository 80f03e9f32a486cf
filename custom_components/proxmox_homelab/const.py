"""Names and defaults shared by the whole integration. No logic."""

from datetime import timedelta
from enum import StrEnum
from typing import Final

DOMAIN: Final = "proxmox_homelab"

# Fired for each command, with what came of it.
EVENT_COMMAND: Final = f"{DOMAIN}_command"


class Kind(StrEnum):
    """The kinds of systems that a config entry can be about."""

    PROXMOX = "proxmox"
    MQTT = "mqtt"
    ZWAVE_JS = "zwave_js"
    DECONZ = "deconz"


CONF_KIND: Final = "kind"

# Connection and credentials of a Proxmox VE entry (entry.data).
CONF_HOSTS: Final = "hosts"
CONF_AUTH: Final = "auth"
CONF_TOKEN: Final = "token"
CONF_TOKEN_ID: Final = "token_id"
CONF_TOKEN_SECRET: Final = "token_secret"
CONF_FINGERPRINT: Final = "fingerprint"
CONF_CA_PEM: Final = "ca_pem"
CONF_LEVEL: Final = "level"
CONF_MEMBER_FINGERPRINTS: Final = "member_fingerprints"


# Connection of a Z-Wave JS entry besides its URL; the home id is kept on the stick.
CONF_HOME_ID: Final = "home_id"
CONF_UI_URL: Final = "ui_url"


class Auth(StrEnum):
    """How a Proxmox VE entry proves who it is."""

    TOKEN = "token"
    PASSWORD = "password"


# The address of the stick of a deCONZ gateway (entry.data).
CONF_BRIDGE_ID: Final = "bridge_id"

# The own guest as it was proven last, to prove it again with one request.
CONF_LAST_OWN_GUEST: Final = "last_own_guest"

# Connection of an MQTT broker (entry.data).
CONF_ENCRYPTION: Final = "encryption"
CONF_CLIENT_PEM: Final = "client_pem"
CONF_CLIENT_KEY_PEM: Final = "client_key_pem"
CONF_VERIFY_HOSTNAME: Final = "verify_hostname"


class Encryption(StrEnum):
    """How the connection to a broker is encrypted.

    OWN: with certificates that the user gave.
    """

    NONE = "none"
    SYSTEM = "system"
    OWN = "own"


# Tuning of an MQTT broker (entry.options): minutes, and base topics.
CONF_CHECK_INTERVAL: Final = "check_interval"
CONF_BASE_TOPICS: Final = "base_topics"
DEFAULT_CHECK_INTERVAL: Final = 10

# Tuning of a Proxmox VE cluster (entry.options).
CONF_EXCLUDE_GUESTS: Final = "exclude_guests"
CONF_EXCLUDE_TAGS: Final = "exclude_tags"
CONF_EXCLUDE_POOLS: Final = "exclude_pools"
CONF_INCLUDE_NEW: Final = "include_new"
CONF_KNOWN_GUESTS: Final = "known_guests"
CONF_INTERVAL_RESOURCES: Final = "interval_resources"
CONF_INTERVAL_TASKS: Final = "interval_tasks"
CONF_INTERVAL_NODES: Final = "interval_nodes"
CONF_SHUTDOWN_TIMEOUT: Final = "shutdown_timeout"
CONF_STORAGE_WARNING: Final = "storage_warning_percent"
CONF_STORAGE_CRITICAL: Final = "storage_critical_percent"
CONF_BACKUP_MAX_AGE: Final = "backup_max_age_hours"
CONF_OWN_GUEST: Final = "own_guest"
CONF_IMPORTANCE: Final = "importance"

# What the user picks when Home Assistant does not run in the cluster at all.
NO_OWN_GUEST: Final = 0


class Importance(StrEnum):
    """How much it matters that a guest runs; also the tags that say so."""

    CRITICAL = "critical"
    NORMAL = "normal"
    NICE_TO_HAVE = "nice_to_have"


class RadioCommand(StrEnum):
    """What can be asked of a radio, as the logbook names it."""

    PERMIT_JOIN = "permit_join"
    FORBID_JOIN = "forbid_join"
    RESTART = "restart"
    SOFT_RESET = "soft_reset"
    CHECK = "check_coordinator"
    NETWORK_MAP = "zigbee_network_map"
    SET_LOG_LEVEL = "set_log_level"


# Zigbee itself cannot keep a network open for longer (254 s, then it is "for ever").
LONGEST_JOIN_SECONDS: Final = 254
DEFAULT_JOIN_SECONDS: Final = 254

DEFAULT_PORT: Final = 8006
# pvestatd refreshes what /cluster/resources shows every 10 s: faster is no use.
DEFAULT_INTERVAL_RESOURCES: Final = 10
DEFAULT_INTERVAL_TASKS: Final = 30
DEFAULT_INTERVAL_NODES: Final = 60
DEFAULT_SHUTDOWN_TIMEOUT: Final = 180
DEFAULT_STORAGE_WARNING: Final = 85
DEFAULT_STORAGE_CRITICAL: Final = 92
# A weekly job plus a day of delay is still a fresh backup.
DEFAULT_BACKUP_MAX_AGE: Final = 192

INTERVAL_GUEST_CONFIG: Final = timedelta(minutes=15)
INTERVAL_GUEST_INSIDE: Final = timedelta(minutes=10)
INTERVAL_BACKUPS: Final = timedelta(hours=1)
INTERVAL_PACKAGES: Final = timedelta(hours=6)
INTERVAL_DISKS: Final = timedelta(hours=24)
INTERVAL_SNAPSHOTS: Final = timedelta(hours=1)
INTERVAL_NODE_CARE: Final = timedelta(hours=12)
