"""What the measurement bus says now: bounded, checked, never older than it claims. No Flask in here."""
