"""Simulated LoRa modems: what their firmware answers, line by line. The air between them is not theirs."""
