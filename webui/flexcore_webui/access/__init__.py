"""Who may see what: the sticker code, sessions, roles, limits, and the headers that fence a browser in."""
