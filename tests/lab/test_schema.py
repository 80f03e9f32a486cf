"""The parameter check against the answers of the real one."""

import json
from pathlib import Path
from typing import Any

import pytest

from lab.pve.api import ApiError
from lab.pve.formats import FORMATS, FormatError
from lab.pve.schema import load_api

CASES: list[dict[str, Any]] = json.loads(
    Path(__file__).with_name("validation_cases.json").read_text()
)


def check(
    method: str, path: str, params: dict[str, Any], major: int = 9
) -> dict[str, str]:
    """The errors of a call."""
    try:
        load_api(major).methods[method, path].check(params)
    except ApiError as error:
        return dict(error.errors or {"": str(error)})
    return {}


def test_all_cases_are_there() -> None:
    assert len(CASES) == 79
    assert sum("errors" in case for case in CASES) == 42


@pytest.mark.parametrize(
    "case", CASES, ids=[f"{n}-{case['path']}" for n, case in enumerate(CASES)]
)
def test_like_the_real_check(case: dict[str, Any]) -> None:
    found = check(case["method"], case["path"], case["params"])
    assert found == case.get("errors", {})


CONFIG = "/nodes/{node}/qemu/{vmid}/config"
GUEST = {"node": "pve1", "vmid": "100"}


@pytest.mark.parametrize(
    ("params", "errors"),
    [
        ({"agent": "1,fstrim_cloned_disks=1"}, {}),
        ({"agent": "enabled=on,guest-fsfreeze=no"}, {}),
        ({"agent": "enabled=on,freeze-fs=1,guest-fsfreeze=0"}, "agent"),
        ({"net0": "virtio=BC:24:11:00:00:01,bridge=vmbr0"}, {}),
        ({"net0": "virtio=BC:24:11:00:00:01,model=e1000"}, "net0"),
        ({"net0": "virtio,macaddr=01:00:00:00:00:00"}, "net0"),
        ({"usb13": "spice"}, {}),
        ({"usb14": "spice"}, "usb14"),
        ({"usb01": "spice"}, "usb01"),
        ({"usb0": "host=1-1,host=1-2"}, "usb0"),
        ({"usb0": "="}, "usb0"),
        ({"memory": "2048"}, {}),
        ({"cores": "0"}, "cores"),
        ({"startup": "order=1,up=30"}, {}),
        ({"startup": "first"}, "startup"),
        ({"onboot": True}, {}),
        ({"cores": {"a": 1}}, "cores"),
        ({"onboot": ["0", "1"]}, "onboot"),
    ],
)
def test_property_strings_families_and_json(
    params: dict[str, Any], errors: str | dict[str, str]
) -> None:
    found = check("PUT", CONFIG, {**GUEST, **params})
    assert set(found) == ({errors} if isinstance(errors, str) else set(errors))


def test_values_get_the_types_of_the_schema() -> None:
    method = load_api(9).methods["PUT", CONFIG]
    values = method.check({**GUEST, "onboot": "1", "cpulimit": "1.5", "tags": "a;b"})
    assert values == {
        "node": "pve1",
        "vmid": 100,
        "onboot": True,
        "cpulimit": 1.5,
        "tags": "a;b",
    }


def test_a_repeated_key_is_a_list_for_list_formats() -> None:
    method = load_api(9).methods["POST", "/nodes/{node}/startall"]
    assert method.check({"node": "pve1", "vms": ["100", "101"]})["vms"] == "100\x00101"


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("address", "nas.lan", "na s"),
        ("CIDR", "10.0.0.0/8", "10.0.0.0"),
        ("CIDRv4", "10.0.0.0/24", "10.0.0.0/33"),
        ("CIDRv6", "fd00::/64", "10.0.0.0/24"),
        ("ipv4", "10.0.0.1", "fd00::1"),
        ("ipv6", "fd00::1", "10.0.0.1"),
        ("pve-priv-8", "VM.Monitor", "VM.GuestAgent.Audit"),
        ("pve-priv-9", "VM.GuestAgent.Audit", "VM.Monitor"),
    ],
)
def test_formats(name: str, good: str, bad: str) -> None:
    FORMATS[name](good)
    with pytest.raises(FormatError):
        FORMATS[name](bad)


def test_version_8_has_other_methods_parameters_and_permissions() -> None:
    old, new = load_api(8), load_api(9)
    assert ("GET", "/cluster/bulk-action") in new.methods
    assert ("GET", "/cluster/bulk-action") not in old.methods
    vzdump = ("POST", "/nodes/{node}/vzdump")
    assert "maxfiles" in old.methods[vzdump].parameters
    assert "maxfiles" not in new.methods[vzdump].parameters
    ping = ("POST", "/nodes/{node}/qemu/{vmid}/agent/ping")
    assert "VM.Monitor" in str(old.methods[ping].permissions)
    assert "VM.Monitor" not in str(new.methods[ping].permissions)
    decade = {"node": "pve1", "timeframe": "decade"}
    assert check("GET", "/nodes/{node}/rrddata", decade) == {}
    assert set(check("GET", "/nodes/{node}/rrddata", decade, 8)) == {"timeframe"}


@pytest.mark.parametrize("major", [8, 9])
def test_every_method_is_found_by_its_path(major: int) -> None:
    api = load_api(major)
    for verb, template in api.methods:
        path = template.replace("{", "x-").replace("}", "")
        found = api.match(verb, path)
        assert found is not None
        assert found[0].template == template
        assert all(value == f"x-{name}" for name, value in found[1].items())


def test_a_volume_may_hold_slashes() -> None:
    found = load_api(9).match(
        "GET", "/nodes/pve1/storage/nas/content/nas:backup/vzdump.zst"
    )
    assert found is not None
    assert found[1]["volume"] == "nas:backup/vzdump.zst"


def test_what_the_api_has_not_is_not_found() -> None:
    api = load_api(9)
    assert api.match("GET", "/nodes/pve1/nothing") is None
    assert api.match("DELETE", "/version") is None
    assert api.match("GET", "/nodes/pve1/qemu/100/config/deeper") is None
