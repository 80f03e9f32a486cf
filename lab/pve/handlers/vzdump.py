"""``/nodes/{node}/vzdump``: backups by hand.

Facts: pve-manager API2/VZDump.pm and VZDump.pm.
"""

import re

from lab.pve.api import ApiRequest, Router, failed, split_list
from lab.pve.backups import BackupRequest, run
from lab.pve.guests import Guest

router = Router()
_KEEP_LAST = re.compile(r"keep-last=(\d+)")


@router.handle("POST", "/nodes/{node}/vzdump")
async def vzdump(request: ApiRequest) -> object:
    """Back up guests of this node; for guests elsewhere nothing is done at all."""
    cluster, node = request.cluster, request.text("node")
    guests = [guest for guest in _chosen(request) if guest.node == node]
    # A guest that is gone is tried on the node that was asked, and visibly fails.
    gone = [vmid for vmid in _named(request) if vmid not in cluster.guests]
    # Done silently, as the real server does it, before anything else is looked at.
    if not guests and not gone and not request.flag("all"):
        return "OK"
    cluster.check_quorum()
    wanted = _wanted(request)
    return run(cluster, node, guests, request.identity.name, wanted, missing=gone).upid


def _named(request: ApiRequest) -> list[int]:
    vmids = [int(text) for text in request.items("vmid")]
    for vmid in vmids:
        request.require(f"/vms/{vmid}", "VM.Backup")
    return vmids


def _chosen(request: ApiRequest) -> list[Guest]:
    """Return the wanted guests of all nodes; of `all` those that one may back up."""
    cluster = request.cluster
    if request.flag("all"):
        excluded = {int(text) for text in request.items("exclude")}
        return [
            guest
            for guest in cluster.guests.values()
            if guest.vmid not in excluded
            and request.allowed(f"/vms/{guest.vmid}", "VM.Backup")
        ]
    if request.has("pool"):
        pool = request.text("pool")
        request.require(f"/pool/{pool}", "Pool.Audit")
        vmids = sorted(cluster.pools.get(pool, ()))
    else:
        vmids = [int(text) for text in request.items("vmid")]
    return [cluster.guests[vmid] for vmid in vmids if vmid in cluster.guests]


def _wanted(request: ApiRequest) -> BackupRequest:
    name = request.text("storage", "local")
    storage = request.cluster.storage(request.text("node"), name)
    path = f"/storage/{name}"
    request.require(path, "Datastore.AllocateSpace")
    if request.has("prune-backups"):
        request.require(path, "Datastore.Allocate")
    if request.has("bwlimit") or request.has("ionice"):
        request.require("/", "Sys.Modify")
    if "backup" not in storage.content:
        raise failed(f"storage '{name}' does not support backups")
    return BackupRequest(
        storage=name,
        mode=request.text("mode", "snapshot"),
        compress=request.text("compress", "0"),
        notes_template=request.text("notes-template"),
        protected=request.flag("protected"),
        remove=request.flag("remove", default=True),
        keep=_keep(request.text("prune-backups")),
    )


def _keep(text: str) -> int | None:
    """Return how many backups stay, of the ways to say it the one the lab knows."""
    found = (_KEEP_LAST.fullmatch(part) for part in split_list(text))
    return next((int(match[1]) for match in found if match), None)
