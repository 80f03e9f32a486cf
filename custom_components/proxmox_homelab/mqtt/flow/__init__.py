"""The config-flow steps of an MQTT broker."""

from .options import MqttOptionsFlow
from .steps import MqttSteps

__all__ = ["MqttOptionsFlow", "MqttSteps"]
