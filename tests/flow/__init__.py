"""The config flow, against simulated nodes."""
