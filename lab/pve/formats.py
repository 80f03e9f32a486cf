"""The named value formats of the API schema, with the error texts of the real server.

The source is PVE::JSONSchema and what registers formats there. Formats that are not
listed here are accepted as they are.
"""

from collections.abc import Callable
import ipaddress
import re

from lab.pve.roles import valid_privileges

type FormatCheck = Callable[[str], None]


class FormatError(Exception):
    """A value that its format refuses; the text is the one of the server."""


def _pattern(pattern: str, text: str) -> FormatCheck:
    """A check by pattern; ``{}`` in the text stands for the value."""
    compiled = re.compile(pattern, re.ASCII)

    def check(value: str) -> None:
        if compiled.fullmatch(value) is None:
            raise FormatError(text.replace("{}", value))

    return check


def _network(value: str, version: int) -> bool:
    address, separator, bits = value.partition("/")
    longest = 32 if version == 4 else 128
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    return (
        bool(separator)
        and parsed.version == version
        and bits.isdecimal()
        and 7 < int(bits) <= longest
    )


def _address(value: str, version: int) -> bool:
    try:
        return ipaddress.ip_address(value).version == version
    except ValueError:
        return False


def _test(holds: Callable[[str], bool], text: str) -> FormatCheck:
    def check(value: str) -> None:
        if not holds(value):
            raise FormatError(text.replace("{}", value))

    return check


def _any_of(*checks: FormatCheck, text: str) -> FormatCheck:
    def check(value: str) -> None:
        for alternative in checks:
            try:
                return alternative(value)
            except FormatError:
                continue
        raise FormatError(text.replace("{}", value))

    return check


_NODE = r"[a-zA-Z0-9]([a-zA-Z0-9-]*[a-zA-Z0-9])?"
_USER = r"[^\s:/]+@[A-Za-z][A-Za-z0-9._-]+"
_TOKEN = rf"{_USER}![A-Za-z][A-Za-z0-9._-]+"
_EMAIL = r"[\w+-~]+(\.[\w+-~]+)*@[a-zA-Z0-9-]+(\.[a-zA-Z0-9-]+)*"
_STORAGE = r"(?i:[a-z][a-z0-9._-]*[a-z0-9])"
_VOLUME = rf"({_STORAGE}):(.+)"

_IPV4 = _test(
    lambda value: _address(value, 4), "value does not look like a valid IPv4 address"
)
_IPV6 = _test(
    lambda value: _address(value, 6), "value does not look like a valid IPv6 address"
)
_DNS_NAME = _pattern(
    rf"({_NODE}\.)*{_NODE}", "value does not look like a valid DNS name"
)

FORMATS: dict[str, FormatCheck] = {
    "address": _any_of(
        _IPV4, _IPV6, _DNS_NAME, text="value does not look like a valid address: {}"
    ),
    "CIDR": _test(
        lambda value: _network(value, 4) or _network(value, 6),
        "value does not look like a valid CIDR network",
    ),
    "CIDRv4": _test(
        lambda value: _network(value, 4),
        "value does not look like a valid IPv4 CIDR network",
    ),
    "CIDRv6": _test(
        lambda value: _network(value, 6),
        "value does not look like a valid IPv6 CIDR network",
    ),
    "disk-size": _pattern(
        r"\d+(\.\d+)?[KMGT]?", "value does not look like a valid disk size: {}"
    ),
    "dns-name": _DNS_NAME,
    "email": _pattern(_EMAIL, "value does not look like a valid email address"),
    "email-or-username": _pattern(
        rf"{_EMAIL}|[\w-]+",
        "value does not look like a valid email address or user name",
    ),
    "ipv4": _IPV4,
    "ipv6": _IPV6,
    "mac-addr": _pattern(
        r"(?i:[a-f0-9][02468ace](:[a-f0-9]{2}){5})",
        "value does not look like a valid unicast MAC address",
    ),
    "pve-bridge-id": _pattern(r"[-_.\w\d]+", "invalid bridge ID '{}'"),
    "pve-configid": _pattern(r"(?i:[a-z][a-z0-9_-]+)", "invalid configuration ID '{}'"),
    "pve-groupid": _pattern(
        r"[A-Za-z0-9._-]+", "group name '{}' contains invalid characters"
    ),
    "pve-ha-resource-or-vm-id": _pattern(
        r"(?i:[a-z][a-z0-9]*:.+)|\d+", "value does not look like a valid ha resource id"
    ),
    "pve-iface": _pattern(
        r"(?i:[a-z][a-z0-9_]{1,20}([:.]\d+)?)", "invalid network interface name '{}'"
    ),
    "pve-lxc-dev-string": _pattern(r"/dev/.+", "{} must start with /dev/"),
    "pve-node": _pattern(_NODE, "value does not look like a valid node name"),
    "pve-poolid": _pattern(
        r"[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+){0,2}",
        "pool name '{}' contains invalid characters",
    ),
    "pve-priv-8": _test(
        lambda value: value in valid_privileges(8), "invalid privilege '{}'"
    ),
    "pve-priv-9": _test(
        lambda value: value in valid_privileges(9), "invalid privilege '{}'"
    ),
    "pve-realm": _pattern(
        r"[A-Za-z][A-Za-z0-9._-]+", "value does not look like a valid realm"
    ),
    "pve-replication-job-id": _pattern(
        r"[1-9][0-9]{2,8}-\d{1,9}",
        "value does not look like a valid replication job id",
    ),
    "pve-roleid": _pattern(
        r"[A-Za-z0-9._-]+", "role name '{}' contains invalid characters"
    ),
    "pve-startup-order": _pattern(
        r"((order=)?\d+|up=\d+|down=\d+|\s*)(,((order=)?\d+|up=\d+|down=\d+|\s*))*",
        "unable to parse startup options",
    ),
    "pve-storage-content": _pattern(
        r"images|rootdir|vztmpl|iso|backup|snippets|import|none",
        "invalid content type '{}'",
    ),
    "pve-storage-id": _pattern(_STORAGE, "storage ID '{}' contains illegal characters"),
    "pve-tag": _pattern(r"(?i:[a-z0-9_][a-z0-9_\-+.]*)", "invalid characters in tag"),
    "pve-task-status-type": _pattern(
        r"(?i:ok|error|warning|unknown)", "invalid status '{}'"
    ),
    "pve-tokenid": _pattern(_TOKEN, "value '{}' does not look like a valid token ID"),
    "pve-userid": _pattern(_USER, "value '{}' does not look like a valid user name"),
    "pve-vmid": _pattern(r"[1-9][0-9]{2,8}", "value does not look like a valid VM ID"),
    "pve-volume-id": _pattern(_VOLUME, "unable to parse volume ID '{}'\n"),
    "urlencoded": _pattern(r"[-%a-zA-Z0-9_.!~*'()]*", "invalid urlencoded string: {}"),
}
