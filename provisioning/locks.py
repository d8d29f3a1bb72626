"""Which things at the vendor one worker at a time is on; see `common.locks`."""

TENANT = 1
REPORT = 2
