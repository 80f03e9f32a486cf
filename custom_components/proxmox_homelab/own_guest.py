"""Which guest runs this Home Assistant: found from three proofs, never guessed.

A proof is a MAC address of this host that a guest's configuration names, an IP
address of this host that a guest has, or the SMBIOS UUID that this host reads and
a VM's configuration sets.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

# What firmware reports that was never given an identity.
_BLANK_UUIDS = frozenset(
    {"00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff"}
)


class Proof(StrEnum):
    """What can show that a guest is the one that this program runs in."""

    MAC = "mac"
    ADDRESS = "address"
    SMBIOS = "smbios"


@dataclass(frozen=True, slots=True, kw_only=True)
class HostIdentity:
    """What this host can say of itself: MACs and UUID in lower case."""

    macs: frozenset[str]
    addresses: frozenset[str]
    smbios_uuid: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class GuestIdentity:
    """What a cluster says of a running guest, in the forms of `HostIdentity`."""

    vmid: int
    macs: frozenset[str]
    addresses: frozenset[str]
    smbios_uuid: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnGuest:
    """The answer: `vmid` is the own guest when exactly one was proven or picked.

    picked: the user said so, which outranks the proofs; `vmid` None then means
    that Home Assistant does not run in this cluster.
    candidates: the guests that a proof speaks for, more than one = contradiction.
    """

    vmid: int | None
    picked: bool = False
    proofs: frozenset[Proof] = frozenset()
    candidates: tuple[int, ...] = ()

    @property
    def is_certain(self) -> bool:
        """Whether it is known which guest is the own one, or that none is."""
        return self.picked or self.vmid is not None


UNKNOWN = OwnGuest(vmid=None)


def read_host_identity(
    addresses: Iterable[str], sysfs: Path = Path("/sys")
) -> HostIdentity:
    """Read who this host is; blocking, a file that may not be read is left out.

    `addresses` are the IP addresses of this host without their prefix length.
    """
    macs = {
        text
        for path in sysfs.glob("class/net/*/address")
        if (text := _read(path)) and text != "00:00:00:00:00:00"
    }
    uuid = _read(sysfs / "class/dmi/id/product_uuid")
    return HostIdentity(
        macs=frozenset(macs),
        addresses=frozenset(addresses),
        smbios_uuid=None if uuid in _BLANK_UUIDS else uuid,
    )


def _read(path: Path) -> str | None:
    try:
        return path.read_text().strip().lower() or None
    except OSError:
        return None


def find_own_guest(host: HostIdentity, guests: Iterable[GuestIdentity]) -> OwnGuest:
    """Return the one guest that the proofs agree on, else who is in question."""
    proofs: dict[int, set[Proof]] = {}
    for guest in guests:
        if found := _proofs(host, guest):
            proofs[guest.vmid] = found
    if len(proofs) != 1:
        return OwnGuest(vmid=None, candidates=tuple(sorted(proofs)))
    ((vmid, found),) = proofs.items()
    return OwnGuest(vmid=vmid, proofs=frozenset(found), candidates=(vmid,))


def _proofs(host: HostIdentity, guest: GuestIdentity) -> set[Proof]:
    found = set()
    if host.macs & guest.macs:
        found.add(Proof.MAC)
    if host.addresses & guest.addresses:
        found.add(Proof.ADDRESS)
    if host.smbios_uuid is not None and host.smbios_uuid == guest.smbios_uuid:
        found.add(Proof.SMBIOS)
    return found
