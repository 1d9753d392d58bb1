"""How things of a station are called in files, topics and addresses."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

Identifier = Annotated[
    str,
    Meta(pattern=r"^[a-z0-9][a-z0-9-]{0,31}$", description="lower-case letters, digits and '-', at most 32"),
]
