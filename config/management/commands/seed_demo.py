"""Fill the database with the demonstration's world."""

import json
import os
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from common import clock
from common.errors import DomainError
from config.demo import people, world
from config.keeper import write_once
from provisioning.acronis.connection import data_centre_url


class Command(BaseCommand):
    """Makes organizations, people, a service manager, a plan and prices; repeating it changes nothing."""

    help = "Make demo organizations, logins, a plan and a rate card. Safe to repeat."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--without-rate-card", action="store_true", help="leave the price list to be imported by hand")
        parser.add_argument("--second-factors", metavar="FILE", help="give staff a second factor; the secrets go into this file")

    def handle(self, *args: Any, without_rate_card: bool, second_factors: str | None, **options: Any) -> None:
        variables = {name: f"ACRONIS_DEMO_{name.upper()}" for name in ("url", "client_id", "client_secret")}
        if missing := [variable for variable in variables.values() if not os.environ.get(variable)]:
            raise CommandError(f"{', '.join(missing)} must name the vendor; `make up` sets them to the local sandbox.")
        vendor = {name: os.environ[variable] for name, variable in variables.items()}
        try:
            data_centre_url(vendor["url"])  # before anything is changed
        except ValueError as error:
            raise CommandError(f"{variables['url']}: {error}.") from error
        try:
            world.make_world(at=clock.now(), vendor=vendor, with_rate_card=not without_rate_card)
        except DomainError as refusal:
            raise CommandError(str(refusal)) from refusal
        if second_factors:
            write_once(Path(second_factors), json.dumps(world.give_second_factors()))
        self.stdout.write(f"Demo logins, all with the password {people.PASSWORD}:")
        for person in (people.DORA, people.ALICE, people.CAROL, people.BOB, *people.STAFF):
            self.stdout.write(f"  {person.email:<28} {person.role}{' (BSS)' if person in people.STAFF else ''}")
