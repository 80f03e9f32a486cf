"""The errors that only a Z-Wave JS server has."""

from ..errors import CannotConnectError, HomelabError


class DriverNotReadyError(CannotConnectError):
    """The server answers and its driver does not have the stick (yet)."""

    key = "zwave_js_driver_not_ready"


class OtherNetworkError(HomelabError):
    """Another Z-Wave network is at the address than the one that was set up."""

    key = "zwave_js_other_network"
