"""The vendor's names in the reader's words."""

import pytest

from catalog.item_names import edition_label, item_label, items_in_words


@pytest.mark.parametrize(
    ("item", "label"),
    [
        ("pg_base_storage", "Cloud storage"),
        ("pw_base_workstations", "Workstations"),
        ("pw_base_m365_seats", "Microsoft 365 seats"),
        ("mailboxes", "Microsoft 365 seats"),
        ("pu_base_fc_seats", "File Sync & Share users"),
        ("pw_pack_adv_backup_vms", "Advanced Backup, virtual machines"),
        ("pack_adv_backup_vms", "Advanced Backup, virtual machines"),
        ("pack_adv_email_security_mailboxes", "Advanced Email Security"),
        ("local_storage", "Local storage"),
        ("notarizations", "Notarizations"),
    ],
)
def test_offering_items_and_usage_names_end_in_the_same_words(item: str, label: str) -> None:
    assert item_label(item) == label


@pytest.mark.parametrize(
    ("item", "label"),
    [("pw_base_adv_vms_of_tomorrow", "Advanced virtual machines of tomorrow"), ("nas_heads", "NAS heads"), ("x", "X"), ("", "")],
)
def test_a_name_nobody_listed_is_made_readable(item: str, label: str) -> None:
    assert item_label(item) == label


def test_an_edition_is_called_by_service_and_licensing_model() -> None:
    assert edition_label("pck_per_gigabyte") == "Protection, per gigabyte"
    assert edition_label("fss_per_user") == "File Sync & Share, per user"
    assert edition_label("pck_per_moon") == "Pck per moon"


@pytest.mark.parametrize(
    ("sentence", "told"),
    [
        ("Set pu_base_fc_seats to soft quota 20, hard at 30", "Set File Sync & Share users to soft quota 20, hard at 30"),
        ("enable pw_base_servers; pw_base_vms", "enable Servers; Virtual machines"),
        ("Create the user jane_doe", "Create the user jane_doe"),
        ("Send the activation mail to fc_seats@example.com", "Send the activation mail to fc_seats@example.com"),
        ("Enable pw_base_invented_thing", "Enable pw_base_invented_thing"),
    ],
    ids=["quota", "several", "login", "mail", "unknown"],
)
def test_a_sentence_names_the_items_we_know_in_the_readers_words(sentence, told):
    assert items_in_words(sentence) == told
