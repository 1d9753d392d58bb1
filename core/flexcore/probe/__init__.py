"""What answers on the wires of a box, and whether it is what the station file says."""
