"""The methods of the simulated API, one module per branch of its tree."""

from lab.pve.api import Router
from lab.pve.handlers import access


def build_router() -> Router:
    """All handlers of the lab in one router."""
    router = Router()
    for branch in (access.router,):
        router.include(branch)
    return router
