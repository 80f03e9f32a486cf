"""What is understood as an address."""

import pytest

from custom_components.proxmox_homelab.proxmox.flow.address import parse_address


@pytest.mark.parametrize(
    ("typed", "host", "port"),
    [
        ("pve", "pve", 8006),
        ("PVE.Lan", "pve.lan", 8006),
        (" 10.12.0.205 ", "10.12.0.205", 8006),
        ("10.12.0.205:443", "10.12.0.205", 443),
        ("https://10.12.0.205:8006/#v1:0:=node%2Fpve:4", "10.12.0.205", 8006),
        ("https://pve.example.com/", "pve.example.com", 8006),
        ("http://pve_1.lan:8443", "pve_1.lan", 8443),
        ("fd00::5", "fd00::5", 8006),
        ("[fd00::5]:443", "fd00::5", 443),
        ("https://[FD00::5]:8006/", "fd00::5", 8006),
        ("root@pve", "pve", 8006),
        ("pve.lan.", "pve.lan.", 8006),
    ],
)
def test_an_address_is_understood(typed: str, host: str, port: int) -> None:
    address = parse_address(typed)
    assert (address.host, address.port) == (host, port)
    assert parse_address(str(address)) == address


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "https://",
        "a b",
        "-pve",
        "pve-",
        "pve..lan",
        "10.0.0",
        "10.0.0.256",
        "pve:port",
        "pve:70000",
        "pve:0",
        "[fd00::5",
        "[fd00::xyz]",
        "a" * 64,
        "a." * 130,
        "über.lan",
    ],
)
def test_what_is_no_address_is_refused(typed: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_address(typed)
