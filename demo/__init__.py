"""A real Home Assistant that shows a simulated homelab, started by `scripts/demo`."""
