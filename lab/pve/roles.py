"""The privileges of Proxmox VE and the roles it comes with, for versions 8 and 9.

The server derives its roles from four lists per category: `root` goes to Administrator
only, `admin` also to PVE…Admin, `user` also to PVE…User, `audit` to all of them and to
PVEAuditor (pve-access-control, AccessControl.pm).
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

PERMISSIONS_MODIFY = "Permissions.Modify"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Category:
    root: tuple[str, ...] = ()
    admin: tuple[str, ...] = ()
    user: tuple[str, ...] = ()
    audit: tuple[str, ...] = ()

    @property
    def all(self) -> tuple[str, ...]:
        return self.root + self.admin + self.user + self.audit


_VM_ADMIN = (
    "VM.Config.Disk",
    "VM.Config.CPU",
    "VM.Config.Memory",
    "VM.Config.Network",
    "VM.Config.HWType",
    "VM.Config.Options",
    "VM.Allocate",
    "VM.Clone",
    "VM.Migrate",
    "VM.Snapshot",
    "VM.Snapshot.Rollback",
)
_VM_USER = (
    "VM.Config.CDROM",
    "VM.Config.Cloudinit",
    "VM.Console",
    "VM.Backup",
    "VM.PowerMgmt",
)
_VM = {
    8: _Category(admin=(*_VM_ADMIN, "VM.Monitor"), user=_VM_USER, audit=("VM.Audit",)),
    9: _Category(
        admin=(*_VM_ADMIN, "VM.GuestAgent.Unrestricted", "VM.Replicate"),
        user=(
            *_VM_USER,
            "VM.GuestAgent.FileRead",
            "VM.GuestAgent.FileSystemMgmt",
            "VM.GuestAgent.FileWrite",
        ),
        audit=("VM.Audit", "VM.GuestAgent.Audit"),
    ),
}
_CATEGORIES = {
    "Sys": _Category(
        root=("Sys.PowerMgmt", "Sys.Modify", "Sys.Incoming", "Sys.AccessNetwork"),
        admin=("Sys.Console", "Sys.Syslog"),
        audit=("Sys.Audit",),
    ),
    "Datastore": _Category(
        admin=("Datastore.Allocate", "Datastore.AllocateTemplate"),
        user=("Datastore.AllocateSpace",),
        audit=("Datastore.Audit",),
    ),
    "SDN": _Category(admin=("SDN.Allocate",), user=("SDN.Use",), audit=("SDN.Audit",)),
    "User": _Category(
        root=("Realm.Allocate",),
        admin=("User.Modify", "Group.Allocate", "Realm.AllocateUser"),
    ),
    "Pool": _Category(
        admin=("Pool.Allocate",), user=("Pool.Audit",), audit=("Pool.Audit",)
    ),
    "Mapping": _Category(
        admin=("Mapping.Modify",), user=("Mapping.Use",), audit=("Mapping.Audit",)
    ),
}


def _categories(major: int) -> Mapping[str, _Category]:
    return {"VM": _VM[9 if major >= 9 else 8], **_CATEGORIES}


@cache
def valid_privileges(major: int) -> frozenset[str]:
    """Every privilege that a server of this major version knows."""
    categories = _categories(major).values()
    return frozenset(
        {
            PERMISSIONS_MODIFY,
            *(name for category in categories for name in category.all),
        }
    )


@cache
def builtin_roles(major: int) -> Mapping[str, frozenset[str]]:
    """The roles that exist without being made, with their privileges."""
    roles: defaultdict[str, set[str]] = defaultdict(set)
    for name, category in _categories(major).items():
        administrator = {*category.admin, *category.user, *category.audit}
        roles[f"PVE{name}Admin"] |= administrator
        roles["PVEAdmin"] |= administrator
        roles["PVEAuditor"] |= {*category.audit}
        if category.user:
            roles[f"PVE{name}User"] |= {*category.user, *category.audit}
    roles["PVEAdmin"].discard("Mapping.Modify")
    roles["PVETemplateUser"] |= {"VM.Clone", "VM.Audit"}
    roles["Administrator"] |= valid_privileges(major)
    roles["NoAccess"] = set()
    return {role: frozenset(privileges) for role, privileges in roles.items()}
