"""A simulated deCONZ gateway: its REST interface and its websocket."""

from lab.deconz.gateway import DeconzGateway
from lab.deconz.rest import Answer
from lab.deconz.state import Gateway

__all__ = ["Answer", "DeconzGateway", "Gateway"]
