"""The integration, where Home Assistant looks for it."""
