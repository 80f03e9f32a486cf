"""The Proxmox VE cluster as a source."""
