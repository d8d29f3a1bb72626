"""What no page has to think about."""

from collections.abc import Callable

from django.http import Http404, HttpRequest, HttpResponse

API = "/api/"
"""What lies below is for programs: it answers everything in its own shape, and refuses a NUL as it does any other wrong value."""


class NoNulMiddleware:
    """
    Answers 404 to the address of a page with a NUL character in its path or its query.

    PostgreSQL's texts cannot hold one, so it names nothing; asked for it, the database would raise an error. Forms refuse it
    by themselves.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        is_page = not request.path.startswith(API)
        if is_page and ("\x00" in request.path or "%00" in request.META.get("QUERY_STRING", "")):
            raise Http404
        return self.get_response(request)


class OwnPagesMiddleware:
    """
    Says of every answer that does not say so itself: it is for this reader alone, and is asked for again before it is shown again.

    What a page tells depends on who is signed in, for whom the reader acts, and by whose door a visitor came. No cache between us
    and the reader keeps it, whatever it makes of `Vary`.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        response.headers.setdefault("Cache-Control", "private, no-cache")
        return response
