"""Which guest runs this Home Assistant."""

from collections.abc import Iterable
from pathlib import Path

from custom_components.proxmox_homelab.own_guest import (
    GuestIdentity,
    HostIdentity,
    Proof,
    find_own_guest,
    read_host_identity,
)

MAC = "bc:24:11:00:01:03"
UUID = "0f5a3b1e-6a7c-4f0e-9d3b-1c2d3e4f5a6b"


def _host(
    *,
    macs: Iterable[str] = (),
    addresses: Iterable[str] = (),
    smbios_uuid: str | None = None,
) -> HostIdentity:
    return HostIdentity(
        macs=frozenset(macs), addresses=frozenset(addresses), smbios_uuid=smbios_uuid
    )


def _guest(
    vmid: int,
    *,
    macs: Iterable[str] = (),
    addresses: Iterable[str] = (),
    smbios_uuid: str | None = None,
) -> GuestIdentity:
    return GuestIdentity(
        vmid=vmid,
        macs=frozenset(macs),
        addresses=frozenset(addresses),
        smbios_uuid=smbios_uuid,
    )


def test_each_proof_alone_is_enough() -> None:
    host = _host(macs={MAC}, addresses={"10.12.0.103"}, smbios_uuid=UUID)
    others = [_guest(100, macs={"bc:24:11:00:01:00"}), _guest(200)]
    for proof, own in (
        (Proof.MAC, _guest(103, macs={MAC})),
        (Proof.ADDRESS, _guest(103, addresses={"10.12.0.103"})),
        (Proof.SMBIOS, _guest(103, smbios_uuid=UUID)),
    ):
        found = find_own_guest(host, [*others, own])
        assert found.vmid == 103
        assert found.proofs == {proof}
        assert found.is_certain


def test_proofs_that_agree_are_all_named() -> None:
    host = _host(macs={MAC}, smbios_uuid=UUID)
    found = find_own_guest(host, [_guest(103, macs={MAC}, smbios_uuid=UUID)])
    assert found.proofs == {Proof.MAC, Proof.SMBIOS}


def test_proofs_that_contradict_each_other_name_nobody() -> None:
    host = _host(macs={MAC}, smbios_uuid=UUID)
    found = find_own_guest(
        host, [_guest(103, macs={MAC}), _guest(104, smbios_uuid=UUID)]
    )
    assert found.vmid is None
    assert found.candidates == (103, 104)
    assert not found.is_certain


def test_without_a_proof_nobody_is_guessed() -> None:
    found = find_own_guest(_host(macs={MAC}), [_guest(103), _guest(104)])
    assert found.vmid is None
    assert found.candidates == ()
    assert not found.is_certain


def test_a_missing_uuid_on_both_sides_is_no_proof() -> None:
    assert find_own_guest(_host(), [_guest(103)]).vmid is None


def _sysfs(root: Path, macs: list[str], uuid: str | None) -> Path:
    for number, mac in enumerate(macs):
        path = root / f"class/net/eth{number}"
        path.mkdir(parents=True)
        (path / "address").write_text(f"{mac}\n")
    if uuid is not None:
        path = root / "class/dmi/id"
        path.mkdir(parents=True)
        (path / "product_uuid").write_text(f"{uuid}\n")
    return root


def test_the_host_reads_its_macs_and_uuid_in_lower_case(tmp_path: Path) -> None:
    sysfs = _sysfs(tmp_path, ["00:00:00:00:00:00", MAC.upper()], UUID.upper())
    host = read_host_identity({"10.12.0.103"}, sysfs)
    assert host == _host(macs={MAC}, addresses={"10.12.0.103"}, smbios_uuid=UUID)


def test_a_host_that_may_not_read_its_uuid_still_has_macs(tmp_path: Path) -> None:
    host = read_host_identity((), _sysfs(tmp_path, [MAC], None))
    assert host == _host(macs={MAC})


def test_a_blank_uuid_is_none(tmp_path: Path) -> None:
    blank = "00000000-0000-0000-0000-000000000000"
    assert read_host_identity((), _sysfs(tmp_path, [], blank)).smbios_uuid is None
