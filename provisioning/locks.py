"""Which things at the vendor one worker at a time is on; see `common.locks`."""

TENANT = 1
REPORT = 2

CALL = 4
"""A slot for one call on the wire, of which a service manager has several; see `slots`."""

INSPECTION = 5
"""One look at everything a service manager has at the vendor."""
