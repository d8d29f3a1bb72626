"""
Settings, read from the environment through typed helpers that fail loudly. `.env.example` lists every variable.

Without DATABASE_URL and REDIS_URL a real PostgreSQL and a real Valkey start under the state folder (`config/embedded.py`); this
is for development and demonstration. With them set, nothing embedded starts.
"""

import re
from datetime import timedelta
from pathlib import Path

import bootstrap_wrapper
import environ
from csp.constants import NONE, SELF

from config import embedded

BASE_DIR = Path(__file__).resolve().parent.parent
env = environ.Env()
if (dotenv := BASE_DIR / ".env").exists():
    env.read_env(dotenv)

STATE = Path(env.str("CLOUDTILL_STATE", default=str(BASE_DIR / "var"))).resolve()
EMBEDDED = not env.str("DATABASE_URL", default="")
DURABLE = env.bool("CLOUDTILL_DURABLE", default=True)  # False: embedded servers that forget on a power cut, for tests

# --- What this installation is ---------------------------------------------------------------------------------------

DEBUG = env.bool("DEBUG", default=False)
SECRET_KEY = env.str("SECRET_KEY", default="") or embedded.secret_key(STATE)
SALT_KEY = env.list("FIELD_ENCRYPTION_SALTS", default=["cloudtill-fields"])  # first encrypts, all decrypt
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])
SITE_URL = env.str("SITE_URL", default="http://localhost:8000").rstrip("/")
CLOCK_FILE = env.str("CLOCK_FILE", default="")
STAFF_MFA_REQUIRED = env.bool("STAFF_MFA_REQUIRED", default=True)
SECURE_COOKIES = env.bool("SECURE_COOKIES", default=SITE_URL.startswith("https://"))

# --- Rooms and what they lean on --------------------------------------------------------------------------------------

INSTALLED_APPS = [
    "config.apps.ConfigConfig",
    "accounts.apps.AccountsConfig",
    "provisioning.apps.ProvisioningConfig",
    "catalog.apps.CatalogConfig",
    "billing.apps.BillingConfig",
    "ordering.apps.OrderingConfig",
    "reconciliation.apps.ReconciliationConfig",
    "common.apps.CommonConfig",
    "unfold",
    "unfold.contrib.import_export",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "csp",
    "django_bootstrap5",
    "django_htmx",
    "drf_spectacular",
    "drf_standardized_errors",
    "import_export",
    "pgtrigger",
    "pghistory",
    "post_office",
    "rest_framework",
    "sequences",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "common.middleware.OwnPagesMiddleware",
    "config.bss.BackOfficeMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "accounts.middleware.ActingAsMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "accounts.middleware.SecondFactorMiddleware",
    "accounts.middleware.HistoryMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "common.middleware.NoNulMiddleware",
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "accounts.context.acting",
                "catalog.context.branding",
            ],
        },
    },
]

# --- Rows, messages, files ----------------------------------------------------------------------------------------------

DATABASES = {
    "default": {
        **env.db_url_config(env.str("DATABASE_URL", default="") or embedded.database_url(STATE, durable=DURABLE)),
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
        "ATOMIC_REQUESTS": False,
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

REDIS_URL = env.str("REDIS_URL", default="") or embedded.redis_url(STATE, durable=DURABLE)
CACHES = {  # only counts, such as rate limits: sessions and all that pages show are rows, so that pages outlive it
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": REDIS_URL,
        "OPTIONS": {"socket_connect_timeout": 2, "socket_timeout": 2},
    }
}

CELERY_BROKER_URL = REDIS_URL
CELERY_TASK_IGNORE_RESULT = True  # the row says what came of it
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_TASK_DEFAULT_QUEUE = "default"
CELERY_TASK_TIME_LIMIT = 900
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = {"visibility_timeout": 1800, "socket_timeout": 10, "socket_connect_timeout": 3}
CELERY_WORKER_HIJACK_ROOT_LOGGER = False

STATIC_URL = "/static/"
STATIC_ROOT = STATE / "static" if EMBEDDED else BASE_DIR / "staticfiles"
STATICFILES_DIRS = [BASE_DIR / "static", ("bootstrap", bootstrap_wrapper.get_bootstrap_dir())]
STORAGES = {
    "default": {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": env.str("MEDIA_DIR", default=str(STATE / "media"))},
    },
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedStaticFilesStorage"},
}
WHITENOISE_USE_FINDERS = EMBEDDED  # a checkout serves its files where they lie; an image has collected them
if EMBEDDED:
    STATIC_ROOT.mkdir(parents=True, exist_ok=True)  # stays empty, but has to be there
DATA_UPLOAD_MAX_MEMORY_SIZE = 2_621_440
FILE_UPLOAD_MAX_MEMORY_SIZE = 2_621_440
# A billing run works on so many batches at a time, each over a connection of its own.
BILLING_LANES = env.int("BILLING_LANES", default=2)

UPLOAD_LIMIT_BYTES = env.int("UPLOAD_LIMIT_BYTES", default=10 * 1024 * 1024)

# --- People -------------------------------------------------------------------------------------------------------------

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = [
    "django.contrib.auth.backends.ModelBackend",
    "allauth.account.auth_backends.AuthenticationBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "catalog:home"
ACCOUNT_ADAPTER = "accounts.adapter.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*", "password2*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_EMAIL_VERIFICATION = "none"  # who is invited or signs up has shown the address before there is an account
ACCOUNT_RATE_LIMITS = {  # beside allauth's own
    "sign_up": "20/h/ip,5/h/key",
    "sign_up_code": "60/h/ip",
    "invite": "30/h/user",
    "accept_invitation": "30/m/ip",
}
ACCOUNT_LOGOUT_REDIRECT_URL = "account_login"
ALLAUTH_TRUSTED_PROXY_COUNT = env.int("TRUSTED_PROXIES", default=0)
MFA_ADAPTER = "accounts.adapter.SecondFactorAdapter"
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes"]
MFA_TOTP_ISSUER = "Cloudtill"

# --- Words, dates, money ------------------------------------------------------------------------------------------------

LANGUAGE_CODE = "en-gb"
LANGUAGES = [("en-gb", "English")]
TIME_ZONE = "UTC"
USE_I18N = True
USE_TZ = True
FORMAT_MODULE_PATH = ["config.formats"]

# --- Mail ---------------------------------------------------------------------------------------------------------------

EMAIL_BACKEND = "post_office.EmailBackend"
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", default="Cloudtill <till@localhost>")
_mail = env.email("EMAIL_URL", default="filemail:///" if EMBEDDED else "consolemail://")
EMAIL_FILE_PATH = str(STATE / "mail") if EMBEDDED else _mail.get("EMAIL_FILE_PATH")
EMAIL_HOST, EMAIL_PORT = _mail.get("EMAIL_HOST", ""), _mail.get("EMAIL_PORT", 25)
EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = _mail.get("EMAIL_HOST_USER", ""), _mail.get("EMAIL_HOST_PASSWORD", "")
EMAIL_USE_TLS, EMAIL_USE_SSL = _mail.get("EMAIL_USE_TLS", False), _mail.get("EMAIL_USE_SSL", False)
EMAIL_TIMEOUT = 20
POST_OFFICE = {
    "BACKENDS": {"default": _mail["EMAIL_BACKEND"], "documents": "billing.mailing.DocumentBackend"},
    "BATCH_SIZE": 20,  # what a worker that is killed while it sends may send twice
    "DEFAULT_PRIORITY": "medium",  # stays in the outbox until a task sends it
    "CELERY_ENABLED": False,
    "MAX_RETRIES": 5,
    "RETRY_INTERVAL": timedelta(minutes=5),
}

# --- Doors --------------------------------------------------------------------------------------------------------------

SESSION_COOKIE_SECURE = SECURE_COOKIES
CSRF_COOKIE_SECURE = SECURE_COOKIES
CSRF_FAILURE_VIEW = "accounts.views.old_forms.refused"
SECURE_SSL_REDIRECT = False  # the proxy in front does it, and tells us by this header
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if SECURE_COOKIES else None
SECURE_HSTS_SECONDS = 31_536_000 if SECURE_COOKIES else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_COOKIES
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "img-src": [SELF, "data:"],
        "object-src": [NONE],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
        "form-action": [SELF],
    }
}

# --- API for programs (`accounts/api/`, `common/api.py`, `config/api/`) -------------------------------------------------

API_REQUESTS_PER_MINUTE = env.int("API_REQUESTS_PER_MINUTE", default=300)
# Whether webhooks may be sent to plain http and into networks that are not public: for trying them out on one machine, never else.
WEBHOOKS_ALLOW_PRIVATE = env.bool("WEBHOOKS_ALLOW_PRIVATE", default=False)
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["accounts.api.callers.TokenAuthentication", "accounts.api.callers.PersonAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["accounts.api.callers.HasScope"],
    "DEFAULT_THROTTLE_CLASSES": ["accounts.api.callers.PerCaller"],
    "DEFAULT_PARSER_CLASSES": ["common.api.BoundedJSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_SCHEMA_CLASS": "config.api.schema.ScopedSchema",
    "EXCEPTION_HANDLER": "drf_standardized_errors.handler.exception_handler",
    "URL_FORMAT_OVERRIDE": None,  # JSON is what there is
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
DRF_STANDARDIZED_ERRORS = {
    "ALLOWED_ERROR_STATUS_CODES": ["400", "401", "403", "404", "406", "429", "500"],
    "ERROR_SCHEMAS": dict.fromkeys(("400", "401", "403", "404", "406", "429", "500"), "common.api.ErrorsSerializer"),
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Cloudtill API",
    "DESCRIPTION": (
        "What an organization may buy and at which price, what it orders, what it used, and what it was invoiced and paid; of a "
        "reseller also its prices for its customers, what they order, and what it invoices them. A POST that makes or moves "
        "something carries an Idempotency-Key and is done once. Webhooks, which administrators add in the storefront, tell what "
        "happened."
    ),
    "VERSION": "1.0.0",
    "OAS_VERSION": "3.1.0",
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "SERVE_INCLUDE_SCHEMA": False,
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
    "ENUM_NAME_OVERRIDES": {  # several fields named “kind” and “status”
        "OrderStatusEnum": "ordering.models.orders.Order.Status",
        "OrderLineStatusEnum": "ordering.models.orders.OrderLine.Status",
        "InvoiceKindEnum": "billing.models.invoices.Invoice.Kind",
        "MovementKindEnum": "billing.api.payments.MovementKind",
    },
    "COMPONENT_SPLIT_PATCH": False,  # serializers of changes say themselves what may be left out
    "POSTPROCESSING_HOOKS": [
        "drf_standardized_errors.openapi_hooks.postprocess_schema_enums",
        "config.api.schema.describe_answers",
    ],
}

# --- The vendor ---------------------------------------------------------------------------------------------------------

ACRONIS_ENTRY_URL = env.str("ACRONIS_ENTRY_URL", default="") or "https://cloud.acronis.com"
if not re.fullmatch(r"https?://[^\s/?#@]+/?", ACRONIS_ENTRY_URL):
    raise environ.ImproperlyConfigured("ACRONIS_ENTRY_URL must be a web address, such as https://cloud.acronis.com.")

# --- Counters, for Prometheus (`config/metrics.py`) ---------------------------------------------------------------------

METRICS_TOKEN = env.str("METRICS_TOKEN", default="")
PROMETHEUS_MULTIPROC_DIR = env.str("PROMETHEUS_MULTIPROC_DIR", default="")  # read by prometheus_client itself, too
WORKER_METRICS_PORT = env.int("WORKER_METRICS_PORT", default=0)
if WORKER_METRICS_PORT and not (METRICS_TOKEN and PROMETHEUS_MULTIPROC_DIR):
    raise environ.ImproperlyConfigured("WORKER_METRICS_PORT needs METRICS_TOKEN and PROMETHEUS_MULTIPROC_DIR.")
if PROMETHEUS_MULTIPROC_DIR:
    Path(PROMETHEUS_MULTIPROC_DIR).mkdir(parents=True, exist_ok=True)

# --- Look of the back office --------------------------------------------------------------------------------------------

UNFOLD = {
    "SITE_TITLE": "Cloudtill BSS",
    "SITE_HEADER": "Cloudtill",
    "SITE_SUBHEADER": "Back office",
    "SITE_SYMBOL": "point_of_sale",
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": "config.bss.icon"}],
    "SHOW_VIEW_ON_SITE": False,
    "BORDER_RADIUS": "6px",
    "STYLES": ["config.bss.stylesheet"],
    "COLORS": {"primary": "config.bss.accent"},
    "DASHBOARD_CALLBACK": "config.bss.dashboard",
    "ENVIRONMENT": "config.bss.acting_as",
    "COMMAND": {"search_callback": "config.bss.find"},
    "SIDEBAR": {"show_search": True, "command_search": True, "navigation": "config.bss.sidebar"},
}

# --- Log: one line per move with ids, never names, addresses or tokens --------------------------------------------------

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "{asctime} {levelname} {name} {message}", "style": "{"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": env.str("LOG_LEVEL", default="INFO")},
    "loggers": {"httpx": {"level": "WARNING"}, "httpcore": {"level": "WARNING"}},
}

# E-mail addresses are unique without regard to case, by a constraint the check does not look at.
SILENCED_SYSTEM_CHECKS = ["auth.W004"]
