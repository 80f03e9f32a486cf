"""Core's integration and ours, side by side, in real Home Assistants."""
