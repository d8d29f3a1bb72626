"""Who can sign in to the demonstration."""

from dataclasses import dataclass

PASSWORD = "cloudtill-demo-2026"  # noqa: S105  printed on purpose, for a demonstration on loopback only


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who can sign in, and as what."""

    email: str
    first_name: str
    last_name: str
    role: str
    group: str = ""


MIRA = Person("mira@northwind.example", "Mira", "Lorenz", "account manager", "Account managers")
PAUL = Person("paul@northwind.example", "Paul", "Winter", "product manager", "Product managers")
BERT = Person("bert@northwind.example", "Bert", "Sommer", "billing manager", "Billing managers")
OLGA = Person("olga@northwind.example", "Olga", "Brandt", "operator")
STAFF = (MIRA, PAUL, BERT, OLGA)
DORA = Person("dora@dora-design.example", "Dora", "Kern", "direct customer")
ALICE = Person("alice@alster-it.example", "Alice", "Falk", "reseller")
CAROL = Person("carol@cafe-carol.example", "Carol", "Blum", "customer of a reseller")
BOB = Person("bob@bodensee.example", "Bob", "Haas", "another reseller")
ELKE = Person("elke@elbe-verlag.example", "Elke", "Sander", "direct customer, new")
