"""The Z-Wave JS server as a source: its stick, its driver and its nodes."""
