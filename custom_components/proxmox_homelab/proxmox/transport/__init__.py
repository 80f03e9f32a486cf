"""Requests to the API over an injected aiohttp session, to whichever member lives."""

from .sender import DEFAULT_SECONDS, FORWARDED_SECONDS, Transport

__all__ = ["DEFAULT_SECONDS", "FORWARDED_SECONDS", "Transport"]
