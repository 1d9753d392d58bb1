"""HTML for people: complete without scripts, brought to life by them."""
