"""Every door says whom it lets in."""

from collections.abc import Iterator

from django.urls import URLPattern, URLResolver, get_resolver

from accounts.access import View

# Doors of others: the back office guards itself by django.contrib.admin, sign-in is allauth's.
GUARDED_ELSEWHERE = ("bss/", "accounts/")
MARKS = ("public", "member", "buyer", "staff:", "scope:")


def doors(resolver: URLResolver, path: str = "") -> Iterator[tuple[str, View]]:
    for entry in resolver.url_patterns:
        full = path + str(entry.pattern)
        if isinstance(entry, URLResolver):
            yield from doors(entry, full)
        elif isinstance(entry, URLPattern):
            yield full, entry.callback


def own_doors() -> list[tuple[str, View]]:
    foreign = tuple(f"^{prefix}" for prefix in GUARDED_ELSEWHERE) + GUARDED_ELSEWHERE
    return [(path, view) for path, view in doors(get_resolver()) if not path.startswith(foreign)]


def test_every_view_is_marked_with_who_may_enter() -> None:
    forgot = [path for path, view in own_doors() if not getattr(view, "access", "").startswith(MARKS)]

    assert forgot == []


def test_the_walk_sees_the_doors_of_the_house() -> None:
    paths = {path for path, _ in own_doors()}

    assert {"", "products/<str:number>/", "customers/", "act-for/<str:number>/"} <= paths


def test_only_few_doors_are_open_to_everybody() -> None:
    public = {path for path, view in own_doors() if view.access == "public"}  # type: ignore[attr-defined]

    arriving = {"sign-up/", "sign-up/code/", "invitations/accept/", "invitations/<str:token>/"}
    description = {"api/v1/openapi.json", "api/v1/openapi.yaml", "api/v1/docs/", "api/v1/"}  # the last answers 404, always
    assert public <= {"healthz", "healthz/", "metrics", "metrics/", "logos/<str:sha256>.png", *arriving, *description}
