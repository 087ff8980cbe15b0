"""Codes, and numbers that somebody gave. A text that can be neither may be a name, and is shown nowhere."""

import re

_CODE = re.compile(r"[^\s\x00-\x1f\x7f]{1,64}")


def is_code(text: str) -> bool:
    """Whether a text looks like a code: one word of at most 64 characters. FHIR's own pattern would let single blanks
    pass, and so a name."""
    return bool(_CODE.fullmatch(text))
