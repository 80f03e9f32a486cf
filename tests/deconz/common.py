"""What the tests of the deCONZ source share."""

KEY = "0123456789"
BRIDGE = "00212EFFFF00C5FB"


class Clock:
    """The clock of the gateway, which a test moves."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now
