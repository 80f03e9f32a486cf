"""Who may log in to a lab, with secrets that are good for nothing else."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from lab.pve.access import AccessControl
from lab.reading import check_keys, place

OWNER = "homeassistant@pve"
TOTP_USER = "totp@pve"
DEMO_USER = "demo@pve"
_ROOT = "root@pam"
_TOTP_SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"

_CONTROL = ("VM.PowerMgmt", "VM.Snapshot", "VM.Snapshot.Rollback", "VM.Backup")
_MORE = ("VM.Migrate", "VM.Config.Disk", "VM.Config.Options")


@dataclass(slots=True, kw_only=True)
class Logins:
    """Tokens as lines to paste, by what they may do, and passwords by user."""

    tokens: dict[str, str] = field(default_factory=dict)
    passwords: dict[str, str] = field(default_factory=dict)


def fill_access(access: AccessControl, more: Mapping[str, Any] | None = None) -> Logins:
    """Make the users, roles and tokens that every scenario has, and those of one."""
    logins = Logins(
        passwords={
            _ROOT: "root-secret",
            DEMO_USER: "demo-secret",
            TOTP_USER: "totp-secret",
        }
    )
    access.add_user(_ROOT, logins.passwords[_ROOT])
    access.add_user(DEMO_USER, logins.passwords[DEMO_USER])
    access.add_user(TOTP_USER, logins.passwords[TOTP_USER], totp_secret=_TOTP_SECRET)
    access.add_user(OWNER)
    agent = "VM.GuestAgent.Audit" if access.major >= 9 else "VM.Monitor"
    access.add_role("LabAgent", [agent])
    access.add_role("LabControl", [*_CONTROL, *_MORE])
    access.add_role("LabStorage", ["Datastore.Audit", "Datastore.AllocateSpace"])
    access.add_role("LabNode", ["Sys.Audit", "Sys.PowerMgmt", "Sys.Modify"])
    access.grant("/", "Administrator", users=[TOTP_USER])
    access.grant("/", ["PVEAuditor", "LabAgent"], users=[DEMO_USER])
    access.grant("/", "Administrator", users=[OWNER])
    logins.tokens["root"] = access.add_token(
        _ROOT, "lab", secret=_secret("root"), privsep=False
    )
    for name, grants in _GRANTS.items():
        logins.tokens[name] = access.add_token(OWNER, name, secret=_secret(name))
        for path, roles in grants.items():
            access.grant(path, roles, tokens=[f"{OWNER}!{name}"])
    with place("access"):
        _add(access, logins, more or {})
    return logins


def _add(access: AccessControl, logins: Logins, found: Mapping[str, Any]) -> None:
    """Add the `access` section of a scenario: roles, users, tokens and entries."""
    check_keys(found, "roles users tokens acl")
    for role, privileges in found.get("roles", {}).items():
        access.add_role(role, privileges)
    for user in found.get("users", ()):
        access.add_user(user["id"], user["password"])
        logins.passwords[user["id"]] = user["password"]
    for token in found.get("tokens", ()):
        name = token["id"]
        logins.tokens[name] = access.add_token(
            token["user"],
            name,
            secret=_secret(name),
            privsep=bool(token.get("privsep", True)),
        )
    for entry in found.get("acl", ()):
        access.grant(
            entry["path"],
            entry["roles"],
            users=entry.get("users", ()),
            tokens=entry.get("tokens", ()),
            propagate=bool(entry.get("propagate", True)),
        )


def _secret(token: str) -> str:
    """Return a secret of the real form that is the same at every start."""
    return str(uuid5(NAMESPACE_URL, token))


# A role on a deeper path replaces those from above, so the auditor comes along.
_AUDIT = ["PVEAuditor", "LabAgent"]
_GRANTS: dict[str, dict[str, list[str]]] = {
    "empty": {},
    "monitor": {"/": _AUDIT},
    "control": {
        "/": _AUDIT,
        "/vms": [*_AUDIT, "LabControl"],
        "/storage": ["PVEAuditor", "LabStorage"],
    },
    "everything": {
        "/": [*_AUDIT, "LabNode"],
        "/nodes": ["PVEAuditor", "LabNode"],
        "/vms": [*_AUDIT, "LabControl"],
        "/storage": ["PVEAuditor", "LabStorage"],
    },
}
