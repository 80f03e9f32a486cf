"""The topics of Zigbee2MQTT and of brokers.

Only exact topics are subscribed, and filters that match one exact level: the tree of a
bridge also carries 228 kB of definitions and a line of log for every message
(measured on Zigbee2MQTT 2.14.1).
"""

from typing import Final

_STATE: Final = "/bridge/state"

# A base topic may have slashes. Deeper ones are told by the user.
DISCOVERY: Final = tuple(f"{'+/' * depth}bridge/state" for depth in (1, 2, 3))

# What is asked for, and so what is answered. Never `response/#`: the answer to a backup
# holds the keys of the network.
REQUESTS: Final = (
    "coordinator_check",
    "health_check",
    "networkmap",
    "options",
    "permit_join",
    "restart",
)

# mosquitto, then EMQX, whose topics hold the name of the node.
BROKER_VERSION: Final = ("$SYS/broker/version", "$SYS/brokers/+/version")
BROKER_UPTIME: Final = ("$SYS/broker/uptime", "$SYS/brokers/+/uptime")
BROKER_CLIENTS: Final = (
    "$SYS/broker/clients/connected",
    "$SYS/brokers/+/stats/connections/count",
)


def base_of_state(topic: str) -> str | None:
    """Return the base topic of a bridge from the topic of its state."""
    base = topic.removesuffix(_STATE)
    return base if base and base != topic else None


def part_topic(base: str, part: str) -> str:
    """Return where a bridge says something of itself."""
    return f"{base}/bridge/{part}"


def request_topic(base: str, name: str) -> str:
    """Return where a bridge is asked for something."""
    return f"{base}/bridge/request/{name}"


def response_topic(base: str, name: str) -> str:
    """Return where it answers."""
    return f"{base}/bridge/response/{name}"


def availability_topic(base: str, device: str) -> str:
    """Return where a bridge says whether a device answers."""
    return f"{base}/{device}/availability"


def is_topic(text: str) -> bool:
    """Say whether a text can be a base topic."""
    return (
        0 < len(text.encode()) <= 1024
        and not text.startswith(("/", "$"))
        and not text.endswith("/")
        and not any(sign in text for sign in "+#\0")
    )
