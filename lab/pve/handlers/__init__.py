"""The methods of the simulated API, one module per branch of its tree."""

from lab.pve.api import Router
from lab.pve.handlers import (
    access,
    cluster,
    guest_power,
    guests,
    history,
    inside,
    nodes,
    services,
    storage,
    tasks,
    vzdump,
)


def build_router() -> Router:
    """All handlers of the lab in one router."""
    router = Router()
    for branch in (
        access,
        cluster,
        nodes,
        services,
        storage,
        vzdump,
        history,
        guests,
        guest_power,
        inside,
        tasks,
    ):
        router.include(branch.router)
    return router
