"""What a developer's machine does with the box: run its services, or its whole image, and watch it.

None of this is on the box. It may import everything but the page, which it starts as a program.
"""
