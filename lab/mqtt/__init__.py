"""MQTT: brokers, and bridges that behave like Zigbee2MQTT."""

from lab.mqtt.bridge import Bridge
from lab.mqtt.broker import HOST, Broker, backends
from lab.mqtt.client import Client

__all__ = ["HOST", "Bridge", "Broker", "Client", "backends"]
