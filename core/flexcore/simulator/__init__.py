"""The virtual station: a stand-in for sensors that speaks their true protocol over true UDP.

``python3 -m flexcore.simulator`` sends generated signals or a recording, paced by the clock and locked to the
UTC grid. It may use the drivers' frame layout and the station's description; nothing on the box uses it.
"""
