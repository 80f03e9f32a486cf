"""The errors that only a Z-Wave JS server has."""

from ..errors import CannotConnectError


class DriverNotReadyError(CannotConnectError):
    """The server answers and its driver does not have the stick (yet)."""

    key = "zwave_js_driver_not_ready"
