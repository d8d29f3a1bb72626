"""What the order form says about licensing models and metering. Plain values in, sentences out."""

from catalog.models import Plan
from provisioning.models import FileSyncModel, ProtectionModel, ServiceManager

PROTECTION_DESCRIPTIONS = {
    ProtectionModel.PER_GIGABYTE: "Protection service that is getting enabled based on the “per gigabyte” licensing model.",
    ProtectionModel.PER_WORKLOAD: "Protection service that is getting enabled based on the “per workload” licensing model.",
}
FILE_SYNC_DESCRIPTIONS = {
    FileSyncModel.PER_USER: "File Sync & Share service that is getting enabled based on the “per user” licensing model.",
    FileSyncModel.PER_WORKLOAD: "File Sync & Share service that is getting enabled based on the “per workload” licensing model.",
}

# What the vendor's editions count, in a reader's words.
_METERED = {
    "pck_per_gigabyte": "the gigabytes that are stored",
    "pck_per_workload": "the workloads that are protected, and the storage they use",
    "fss_per_gigabyte": "the gigabytes that are stored",
    "fss_per_user": "the users, and the storage they use",
}


def file_sync_description(model: str, service_manager: ServiceManager) -> str:
    """
    Describe a File Sync & Share licensing model.

    The vendor has no edition called “per workload”; the description says what is metered in its place.
    """
    description = FILE_SYNC_DESCRIPTIONS[FileSyncModel(model)]
    if model == FileSyncModel.PER_WORKLOAD:
        return f"{description} Acronis meters {_metered_by(service_manager.fss_per_workload_edition)}."
    return description


def metering(plan: Plan, *, protection: str, file_sync: str) -> list[str]:
    """Say in one sentence per service how it is metered; nothing for a service whose model is not chosen yet."""
    sentences = []
    if protection:
        edition = {"per_gigabyte": "pck_per_gigabyte", "per_workload": "pck_per_workload"}[protection]
        sentences.append(f"Protection, {ProtectionModel(protection).label.lower()}: Acronis meters {_metered_by(edition)}.")
    if file_sync:
        edition = "fss_per_user" if file_sync == FileSyncModel.PER_USER else plan.sold_through.fss_per_workload_edition
        label = FileSyncModel(file_sync).label.lower()
        sentences.append(f"File Sync & Share, {label}: Acronis meters {_metered_by(edition)}.")
    return sentences


def _metered_by(edition: str) -> str:
    return _METERED.get(edition, f"what its edition {edition} counts")
