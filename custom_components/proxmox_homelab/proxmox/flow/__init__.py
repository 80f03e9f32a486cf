"""The config-flow steps of a Proxmox VE cluster."""

from .options import ProxmoxOptionsFlow
from .steps import ProxmoxSteps

__all__ = ["ProxmoxOptionsFlow", "ProxmoxSteps"]
