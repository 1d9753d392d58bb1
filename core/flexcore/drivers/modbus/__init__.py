"""Reading registers over Modbus, TCP and RTU: frames, wires, register profiles, plans, values.

It knows bytes and the station's description; what a meter's values become on the buses is not its concern. It
only reads: no function code that writes is ever sent.
"""
