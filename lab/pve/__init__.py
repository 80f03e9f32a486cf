"""The simulated Proxmox VE: its state, its HTTPS API and its faults."""
