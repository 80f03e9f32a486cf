"""A deCONZ gateway as a source: the Zigbee network behind a ConBee or RaspBee."""
