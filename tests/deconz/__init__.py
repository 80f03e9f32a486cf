"""The deCONZ source, against a gateway of the lab."""
