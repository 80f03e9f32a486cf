"""An MQTT broker, and the Zigbee2MQTT bridges found on it."""
