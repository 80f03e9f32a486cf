"""What every test runs in."""

from importlib import import_module

import pytest
import pytest_socket


def pytest_configure() -> None:
    """Import our `custom_components` before the test package offers its own."""
    import_module("custom_components")


@pytest.hookimpl(trylast=True)
def pytest_runtest_setup() -> None:
    """Allow real sockets on loopback, where the lab's nodes have an address each.

    The test package of Home Assistant has forbidden all sockets just before.
    """
    pytest_socket.enable_socket()
    pytest_socket.socket_allow_hosts(["127.0.0.0/8", "::1"])


@pytest.fixture(autouse=True)
def _enable_custom_integrations(request: pytest.FixtureRequest) -> None:
    """Let Home Assistant find the integration, in the tests that start one."""
    if "hass" in request.fixturenames:
        request.getfixturevalue("enable_custom_integrations")
