"""Countries and states by the codes that a bill needs, from what systems write: ISO 3166 codes or names."""

from functools import lru_cache

import pycountry


@lru_cache(maxsize=4096)
def country_code(text: str) -> str:
    """The ISO 3166-1 alpha-2 code of a country that is told by its code (alpha-2, alpha-3, numeric) or its English
    name; what isn't known stays as it is."""
    told = text.strip()
    if not told:
        return ""
    try:
        return str(pycountry.countries.lookup(_OTHERWISE.get(_plain(told), told)).alpha_2)
    except LookupError:
        return told


@lru_cache(maxsize=4096)
def state_code(text: str, country: str) -> str:
    """A state's own code (``NY``), from that, from ISO 3166-2 (``US-NY``) or from its name, where its country is known;
    what isn't known stays as it is."""
    told = text.strip()
    prefix = f"{country.upper()}-"
    if told.upper().startswith(prefix):
        told = told[len(prefix) :]
    return _states(country.upper()).get(told.casefold(), told)


@lru_cache(maxsize=64)
def _states(country: str) -> dict[str, str]:
    """The states of a country: their codes by code and by name, in lower case."""
    found: dict[str, str] = {}
    for state in pycountry.subdivisions:
        if country and state.country_code == country:
            code = str(state.code).removeprefix(f"{country}-")
            found |= {str(state.name).casefold(): code, code.casefold(): code}
    return found


def _plain(text: str) -> str:
    return "".join(letter for letter in text.casefold() if letter.isalnum())


_OTHERWISE = {
    "usa": "US",
    "unitedstatesofamerica": "US",
    "uk": "GB",
    "greatbritain": "GB",
    "england": "GB",
    "scotland": "GB",
    "wales": "GB",
    "northernireland": "GB",
    "deutschland": "DE",
    "schweiz": "CH",
    "suisse": "CH",
    "österreich": "AT",
    "españa": "ES",
    "méxico": "MX",
    "brasil": "BR",
    "holland": "NL",
}
"""What is often written and is no name in ISO 3166."""
