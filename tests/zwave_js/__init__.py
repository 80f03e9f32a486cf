"""Tests of the Z-Wave JS source."""
