"""The two buses: ZeroMQ for samples, MQTT for what was measured.

They carry the nouns of :mod:`flexcore.model` and know neither drivers nor the DSP.
"""
