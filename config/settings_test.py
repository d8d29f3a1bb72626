"""Settings of the tests: the real ones but for the few named here."""

import os
from pathlib import Path

os.environ.setdefault("CLOUDTILL_STATE", str(Path(__file__).resolve().parent.parent / "var" / "test"))
os.environ.setdefault("CLOUDTILL_DURABLE", "false")
os.environ.setdefault("SECRET_KEY", "only-for-tests-0123456789-0123456789-0123456789")

from config.settings import *  # noqa: F403
from config.settings import POST_OFFICE

CELERY_TASK_ALWAYS_EAGER = True
CELERY_TASK_EAGER_PROPAGATES = True
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
POST_OFFICE = {
    **POST_OFFICE,
    "BACKENDS": {"default": "django.core.mail.backends.locmem.EmailBackend", "documents": "billing.mailing.DocumentBackend"},
}
BILLING_LANES = 1  # a lane of its own would not see what a test has not committed
STAFF_MFA_REQUIRED = False  # the tests of the second factor turn it on
ACRONIS_ENTRY_URL = "http://acronis.test"  # where the sandbox in process answers; the real one is nobody's to ask in a test
WHITENOISE_AUTOREFRESH = True
