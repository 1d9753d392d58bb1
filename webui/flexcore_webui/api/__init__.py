"""JSON and the live stream for the page's own scripts and the operator's tools."""
