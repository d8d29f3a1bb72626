"""
Names of invented tenants and people, made of a number: the same number is the same name everywhere and always.

Places do not exist and trades are everyday ones, so no name is meant to be anybody's.
"""


def _words(text: str, separator: str = " ") -> tuple[str, ...]:
    return tuple(text.split(separator))


BEGINNINGS = _words(
    "Alder Amber Ash Birch Bram Briar Cedar Clover Elder Fern Frost Hazel Heather Juniper Larch Linden Maple Moss Oaken Rowan"
    " Sorrel Thistle Willow Yarrow"
)
ENDINGS = _words(
    "beck bourne bridge brook combe crest dale den fell field ford gate grove ham haven hurst leigh mere moor ridge stead vale"
    " wick wold"
)
TRADES = _words(
    "Architects|Bäckerei|Bicycle Works|Books & Paper|Brewery|Café & Catering|Carpentry|Clinic|Coffee Roasters|Dairy|"
    "Dental Practice|Design Studio|Électricité|Event Hire|Fire Safety|Garden Centre|Glassworks|Growers|Hotel|Immobilien|"
    "Insurance Brokers|Interiors|Joinery, Roofing & Repair|Kindergarten|Language School|Logistics|Machine Tools|Notaries|Opticians|"
    "Pharmacy|Printing House|Steuerberatung|Surveyors|Tax Advisers|Travel|Veterinary Practice",
    "|",
)
RESELLING = _words(
    "Business IT|Cloud Services|Computer Centre|Datacare|Digital|IT Partners|IT-Systemhaus|Managed IT|Networks|"
    "Office Systems|Support Desk|Technik",
    "|",
)
FIRST_NAMES = _words("Ada Ben Carla David Elif Finn Greta Hugo Ines Jonas Klara Luca Mara Nils Olga Paul Rosa Sven Tilda Viktor")
LAST_NAMES = _words(
    "Abel Berg Conti Dahl Egger Falk Gruber Holm Iversen Jansen Keller Lund Moser Nowak Olsen Peters Roth Stein Vogt"
)
STRIDE = 7919  # a prime that no count of names divides: neighbouring numbers get names that have nothing in common


def customer(number: int) -> str:
    """`Fernhollow Dental Practice`; unique, beyond some 20,000 with a figure at its end."""
    return _place_and(TRADES, number)


def reseller(number: int) -> str:
    """`Oakenmere Managed IT`; unique, beyond some 7,000 with a figure at its end."""
    return _place_and(RESELLING, number)


def _place_and(doing: tuple[str, ...], number: int) -> str:
    names = len(BEGINNINGS) * len(ENDINGS) * len(doing)
    rest, what = divmod(number * STRIDE % names, len(doing))
    beginning, ending = divmod(rest, len(ENDINGS))
    again = number // names
    return f"{BEGINNINGS[beginning]}{ENDINGS[ending]} {doing[what]}{f' {again + 1}' if again else ''}"


def person(number: int, family: str) -> dict[str, str]:
    """First and last name, login and e-mail; `family` tells people of the same number apart."""
    first, last = FIRST_NAMES[number % len(FIRST_NAMES)], LAST_NAMES[number * 7 % len(LAST_NAMES)]
    login = f"{first}.{last}.{family}{number:05}".lower()
    return {"firstname": first, "lastname": last, "login": login, "email": f"{first}.{last}@{family}{number:05}.example".lower()}
