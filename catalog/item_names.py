"""
What readers call the things the vendor meters. Plain strings in, plain strings out.

The vendor names an offering item by its edition's prefix, "base" or "pack", and a stem: `pg_base_m365_seats`. A usage report says
the usage name instead (`mailboxes`). Both end here in the same words; a name that is not listed is made readable, never refused.
"""

import re
from functools import lru_cache

_STEMS = {
    "storage": "Cloud storage",
    "local_storage": "Local storage",
    "workstations": "Workstations",
    "servers": "Servers",
    "vms": "Virtual machines",
    "mobiles": "Mobile devices",
    "web_hosting_servers": "Web hosting servers",
    "websites": "Websites",
    "nas": "Network storage devices",
    "hosted_exchange": "Hosted Exchange mailboxes",
    "m365_seats": "Microsoft 365 seats",
    "mailboxes": "Microsoft 365 seats",
    "m365_sharepoint_sites": "SharePoint Online sites",
    "o365_sharepoint_sites": "SharePoint Online sites",
    "m365_teams": "Microsoft Teams",
    "o365_teams": "Microsoft Teams",
    "gworkspace_seats": "Google Workspace seats",
    "gsuite_seats": "Google Workspace seats",
    "secondary_vms": "Virtual machines with a second backup",
    "secondary_workstations": "Workstations with a second backup",
    "adv_backup_workstations": "Advanced Backup, workstations",
    "adv_backup_servers": "Advanced Backup, servers",
    "adv_backup_vms": "Advanced Backup, virtual machines",
    "adv_backup_web_hosting_servers": "Advanced Backup, web hosting servers",
    "adv_management": "Advanced Management",
    "adv_security": "Advanced Security",
    "adv_email_security": "Advanced Email Security",
    "adv_email_security_mailboxes": "Advanced Email Security",
    "adv_dlp": "Advanced Data Loss Prevention",
    "adv_dr_storage": "Disaster recovery storage",
    "dr_storage": "Disaster recovery storage",
    "adv_dr_compute_points": "Disaster recovery compute points",
    "compute_points": "Disaster recovery compute points",
    "adv_dr_cloud_servers": "Disaster recovery cloud servers",
    "dr_cloud_servers": "Disaster recovery cloud servers",
    "fc_storage": "File Sync & Share storage",
    "fc_seats": "File Sync & Share users",
    "notarizations": "Notarizations",
    "esignatures": "E-signatures",
    "notary_storage": "Notary storage",
    "document_templates": "Document templates",
    "drives_shipped_to_cloud": "Drives shipped to the cloud",
    "drives_shipped_from_cloud": "Drives shipped from the cloud",
}
_EDITIONS = {
    "": "With every licensing model",
    "pck_per_gigabyte": "Protection, per gigabyte",
    "pck_per_workload": "Protection, per workload",
    "fss_per_user": "File Sync & Share, per user",
    "fss_per_gigabyte": "File Sync & Share, per gigabyte",
}
_PREFIX = re.compile(r"^(?:[a-z]{2}_(?:base|pack)_|pack_)")
_ITEM = re.compile(r"(?<![\w.@-])(?:[a-z]{2}_(?:base|pack)_|pack_)?[a-z][a-z0-9]*(?:_[a-z0-9]+)+(?![\w@-])")
_SPELLED = {"vms": "virtual machines", "nas": "NAS", "dr": "disaster recovery", "adv": "advanced", "m365": "Microsoft 365"}


@lru_cache(maxsize=4096)  # an invoice line has one, a run hundreds of thousands
def item_label(item: str) -> str:
    """Return the reader's words for an offering item or a usage name, for example "Workstations" for pw_base_workstations."""
    stem = _PREFIX.sub("", item)
    return _STEMS.get(stem) or _readable(stem or item)


def items_in_words(sentence: str) -> str:
    """Return the sentence with the reader's words for each offering item we know; everything else, logins too, stays as it is."""
    return _ITEM.sub(lambda found: _STEMS.get(_PREFIX.sub("", found[0])) or found[0], sentence)


@lru_cache(maxsize=4096)
def edition_label(edition: str) -> str:
    """Return the reader's words for an edition: the service and its licensing model."""
    return _EDITIONS.get(edition) or _readable(edition)


def _readable(name: str) -> str:
    words = " ".join(_SPELLED.get(word, word) for word in name.split("_") if word)
    return words[:1].upper() + words[1:]
