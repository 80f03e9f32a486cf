"""Checks that hold for the whole tree."""
