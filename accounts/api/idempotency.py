"""Views whose POST is done once, however often a program sends it: what `Idempotency-Key` means here."""

import json
import re
from collections.abc import Callable
from http import HTTPStatus
from typing import Any
from uuid import UUID

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from rest_framework.exceptions import APIException, ValidationError
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.views import ScopedView
from accounts.operations import idempotency
from accounts.operations.idempotency import LONGEST_KEY
from common import clock

HEADER = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"
_KEY = re.compile(rf"[\x20-\x7e]{{1,{LONGEST_KEY}}}")

KEY_PARAMETER = OpenApiParameter(
    HEADER,
    OpenApiTypes.STR,
    OpenApiParameter.HEADER,
    required=True,
    description=(
        f"A text of 1 to {LONGEST_KEY} printable ASCII characters that you choose anew for each request, for example a UUID. Send "
        "the same request with the same key again whenever you are not sure that it arrived: it is done once, and answered as it "
        f"was the first time, with the header {REPLAYED}: true. Answers are kept for {idempotency.KEPT_FOR.days} days, refusals "
        "too. What was malformed, or failed on our side, is not kept: send it again. The same key with another request is refused "
        "with 422; while the first is still being done, the answer is 409 with Retry-After."
    ),
)


class KeyUsed(APIException):
    status_code = HTTPStatus.UNPROCESSABLE_ENTITY
    default_code = "idempotency_key_used"


class InProgress(APIException):
    status_code = HTTPStatus.CONFLICT
    default_code = "in_progress"

    def __init__(self, sentence: str, *, wait: int) -> None:
        super().__init__(sentence)
        self.wait = wait  # becomes Retry-After


class IdempotentView(ScopedView):
    """A view whose POST asks for an `Idempotency-Key`. It looks at the request first, and does its work in `once`."""

    def once(self, request: Request, work: Callable[[UUID], Response]) -> Response:
        """
        Answer with what ``work`` does, or did when the same request came before.

        ``work`` gets the key of what it makes, the same for the same request: whoever is killed after the work and before the
        answer is kept does not do it a second time. What it refuses is kept as an answer; what breaks it is not.

        :raises ValidationError: the header is missing, or no key.
        :raises KeyUsed: the key was sent with another request.
        :raises InProgress: the same request is being done.
        """
        key = _key(request)
        organization = self.caller.organization
        fingerprint = idempotency.fingerprint(method=str(request.method), path=request.path, body=request.data)
        try:
            claim = idempotency.claim(organization=organization, key=key, fingerprint=fingerprint, at=clock.now())
        except idempotency.KeyUsedOtherwise as refusal:
            raise KeyUsed(str(refusal)) from None
        except idempotency.InProgress as refusal:
            raise InProgress(str(refusal), wait=refusal.retry_after) from None
        if isinstance(claim, idempotency.Answered):
            return Response(claim.body, status=claim.status_code, headers={REPLAYED: "true"})
        try:
            answer = self._worked(work, idempotency.work_key(organization, key, fingerprint))
        except BaseException:
            idempotency.give_up(claim, at=clock.now())
            raise
        idempotency.keep(claim, status_code=answer.status_code, body=_as_sent(answer.data))
        return answer

    def _worked(self, work: Callable[[UUID], Response], key: UUID) -> Response:
        try:
            return work(key)
        except APIException as refusal:
            if refusal.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR:
                raise
            return self.handle_exception(refusal)


def _key(request: Request) -> str:
    key = str(request.headers.get(HEADER, "")).strip()
    if not key:
        sentence = "Send a key that you choose anew for each request, so that it is done once."
        raise ValidationError({HEADER: [sentence]}, code="required")
    if not _KEY.fullmatch(key):
        raise ValidationError({HEADER: [f"A key has 1 to {LONGEST_KEY} printable ASCII characters."]}, code="invalid")
    return key


def _as_sent(data: Any) -> Any:
    return json.loads(JSONRenderer().render(data))
