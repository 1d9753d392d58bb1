"""The image in the emulator: what a slot is, its units, and how a box gets up again."""
