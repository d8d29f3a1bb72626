"""The reader's words for offering items, on pages of lower floors."""

from django import template

from catalog.item_names import item_label, items_in_words

register = template.Library()
register.filter("item_label", item_label)
register.filter("items_in_words", items_in_words)
