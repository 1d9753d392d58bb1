"""What systemd starts: one ``main()`` per unit, and what they share (health, notification, signals).

A service wires drivers, the DSP, buses and the store together; it holds no logic of its own that one of
those rooms could hold. Nothing imports from here but the desk's tools and the page's own health.
"""
