"""Tests of Proxmox Homelab."""
