"""The pages of the switchboard: clock, tenants, users, mails, calls, faults, and what of all this is the vendor's behaviour."""

from datetime import UTC, datetime, timedelta
from typing import Any

from flask import Blueprint, render_template, request, url_for
from flask import redirect as redirect_to
from werkzeug.exceptions import Forbidden
from werkzeug.wrappers import Response

from sandbox import behaviour, current, definitions, faults, rows, tree
from sandbox.control import set_clock
from sandbox.errors import Refusal, not_found

routes = Blueprint("console", __name__)

ROWS_A_PAGE = 50
ROWS_OF_OVERVIEW = 8
LAST_PAGE = 100_000
Page = str | tuple[str, int] | Response

# The faults a person wants most, each as the part of a rule it stands for.
COMMON_FAULTS: dict[str, tuple[str, dict[str, Any]]] = {
    "unavailable": ("503, service unavailable", {"status": 503}),
    "error": ("500, internal error", {"status": 500}),
    "too_many": ("429, too many requests, Retry-After 5", {"status": 429, "headers": {"Retry-After": "5"}}),
    "unauthenticated": ("401, token not accepted", {"status": 401}),
    "forbidden": ("403, forbidden", {"status": 403}),
    "reset": ("Connection cut, nothing carried out", {"reset": True}),
    "lose_answer": ("Carried out, answer lost", {"lose_answer": True}),
    "truncate": ("Carried out, half of the answer", {"truncate": True}),
    "garbage": ("200 with garbage", {"garbage": True}),
    "html": ("Maintenance page instead of JSON", {"html": True}),
    "slow": ("Slow, carried out after the delay", {}),
}
TYPED = ("method", "path", "nth", "times", "probability", "seed", "delay_s")
STEPS = {"hour": "1 hour", "day": "1 day", "week": "1 week", "month": "1st of next month"}


@routes.before_request
def _refuse_other_sites() -> None:
    """Browsers say from where a form was sent; a page of another site must not press our buttons."""
    if request.method == "POST" and request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
        raise Forbidden


# Reading


@routes.get("/")
def overview() -> str:
    return _overview()


def _overview(**more: Any) -> str:
    return render_template(
        "overview.html",
        now=current.storage().now(),
        steps=STEPS,
        tenants=rows.tenant_rows(ROWS_OF_OVERVIEW),
        users=rows.user_rows(ROWS_OF_OVERVIEW),
        mails=rows.mail_rows(ROWS_OF_OVERVIEW),
        calls=rows.call_rows(ROWS_OF_OVERVIEW),
        faults=faults.waiting_rules(current.db()),
        count=rows.counts(),
        behaviour=behaviour.known(),
        **more,
    )


@routes.get("/console/tenants")
def tenants() -> str:
    return _branch("tenants.html", definitions.ROOT_TENANT)


@routes.get("/console/tenants/<tenant_id>")
def tenant(tenant_id: str) -> str:
    row = tree.row_of(tenant_id)
    if row is None or row["deleted_at"]:
        raise not_found()
    above = [tree.row_of(one) for one in row["path"].strip("/").split("/")[:-1]]
    return _branch(
        "tenant.html",
        tenant_id,
        tenant=row,
        pricing_mode=tree.pricing_mode(row, current.now()),
        above=above,
        items=rows.enabled_items(tenant_id),
        users=rows.user_rows(ROWS_A_PAGE, tenant_id=tenant_id),
    )


def _branch(template: str, root: str, **more: Any) -> str:
    text, page = _asked()
    size = rows.branch_size(root, text=text)
    found = rows.branch(root, text=text, limit=ROWS_A_PAGE, offset=(page - 1) * ROWS_A_PAGE)
    return _list(template, "tenants", text, page, found, more_follow=page * ROWS_A_PAGE < size, size=size, **more)


@routes.get("/console/users")
def users() -> str:
    text, page = _asked()
    found = rows.user_rows(ROWS_A_PAGE + 1, text=text, offset=(page - 1) * ROWS_A_PAGE)
    return _list("users.html", "users", text, page, found[:ROWS_A_PAGE], more_follow=len(found) > ROWS_A_PAGE)


@routes.get("/console/mails")
def mails() -> str:
    text, page = _asked()
    found = rows.mail_rows(ROWS_A_PAGE + 1, text=text, offset=(page - 1) * ROWS_A_PAGE)
    return _list("mails.html", "mails", text, page, found[:ROWS_A_PAGE], more_follow=len(found) > ROWS_A_PAGE)


@routes.get("/console/calls")
def calls() -> str:
    text, page = _asked()
    found = rows.call_rows(ROWS_A_PAGE + 1, text=text, offset=(page - 1) * ROWS_A_PAGE)
    return _list("calls.html", "calls", text, page, found[:ROWS_A_PAGE], more_follow=len(found) > ROWS_A_PAGE)


@routes.get("/console/behaviour")
def vendor_or_assumed() -> str:
    return render_template("behaviour.html", behaviour=behaviour.known(), count=rows.counts())


def _asked() -> tuple[str, int]:
    """What is searched for and which page is wanted; nonsense counts as the first page."""
    page = request.args.get("page", "1")
    number = int(page) if page.isdecimal() and len(page) < 7 else 1
    return request.args.get("q", "")[:200], min(max(number, 1), LAST_PAGE)


def _list(template: str, what: str, text: str, page: int, found: list[dict[str, Any]], *, more_follow: bool, **more: Any) -> str:
    return render_template(
        template, rows=found, text=text, page=page, more_follow=more_follow, what=what, count=rows.counts(), **more
    )


# Changing


@routes.post("/console/clock")
def move_clock() -> Page:
    """By a step, or to a time that is typed in UTC."""
    try:
        set_clock(_wanted_time())
    except (Refusal, ValueError) as problem:
        told = problem.info if isinstance(problem, Refusal) else "Type a time like 2026-10-01T08:00."
        return _overview(clock_problem=told), 400
    return redirect_to(url_for("console.overview"), 303)


def _wanted_time() -> datetime:
    """:raises ValueError: what was typed is no time."""
    now, step = current.storage().now(), request.form.get("step")
    if step == "month":
        return datetime(now.year + now.month // 12, now.month % 12 + 1, 1, tzinfo=UTC)
    lengths = {"hour": timedelta(hours=1), "day": timedelta(days=1), "week": timedelta(weeks=1)}
    if step in lengths:
        return now + lengths[step]
    return datetime.fromisoformat(request.form.get("now", "")).replace(tzinfo=UTC)


@routes.get("/console/faults")
def list_faults() -> str:
    return _faults_page()


@routes.post("/console/faults")
def add_fault() -> Page:
    typed = {name: request.form.get(name, "").strip() for name in (*TYPED, "kind")}
    try:
        faults.add_rule(current.db(), faults.Rule.from_json(_rule_of(typed)))
    except Refusal as refusal:
        return _faults_page(typed=typed, problem=refusal.info or refusal.message), 400
    return redirect_to(url_for("console.list_faults"), 303)


def _rule_of(typed: dict[str, str]) -> dict[str, Any]:
    """The form as a rule; a field left empty is not sent, no number of times means for as long as the fault stands."""
    rule: dict[str, Any] = {name: typed[name] for name in TYPED if typed[name]}
    for name in ("probability", "delay_s"):
        if name in rule:
            rule[name] = _number(rule[name])
    return {"times": None, **rule, **COMMON_FAULTS.get(typed["kind"], ("", {}))[1]}


def _number(word: str) -> float | str:
    """A number, or the word itself for the rule to refuse by the field's name."""
    try:
        return float(word)
    except ValueError:
        return word


@routes.post("/console/faults/clear")
def clear_faults() -> Response:
    faults.clear_rules(current.db())
    return redirect_to(url_for("console.list_faults"), 303)


@routes.post("/console/faults/<int:number>/remove")
def remove_fault(number: int) -> Response:
    """A fault that is gone already is fine, too: it may have been spent while the page was open."""
    faults.remove_rule(current.db(), number)
    return redirect_to(url_for("console.list_faults"), 303)


def _faults_page(*, typed: dict[str, str] | None = None, problem: str = "") -> str:
    blank = {"kind": "unavailable", "path": "^/api/2/", "times": "1"}
    return render_template(
        "faults.html",
        rows=faults.waiting_rules(current.db()),
        kinds={name: title for name, (title, _) in COMMON_FAULTS.items()},
        methods=faults.METHODS,
        typed=blank if typed is None else typed,
        problem=problem,
        calls=rows.call_rows(ROWS_OF_OVERVIEW),
        count=rows.counts(),
    )
