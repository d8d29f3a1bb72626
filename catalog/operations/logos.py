"""Logos that people upload: looked at without trust, drawn anew, kept once."""

from datetime import datetime
from hashlib import sha256
from io import BytesIO
from typing import IO, Protocol, cast

from PIL import Image, ImageOps

from catalog.models import Logo
from common.errors import FieldRefused

LARGEST_FILE = 500 * 1024  # bytes
LARGEST_SIDE = 2000  # pixels
DRAWN_AT_MOST = (600, 200)  # pixels: three times what a page header or an invoice shows
FORMATS = ("PNG", "JPEG", "WEBP")  # no SVG: it is a program, not a picture


class LogoRefused(FieldRefused):
    """The file is no logo we can show."""

    def __init__(self, sentence: str) -> None:
        super().__init__("logo", sentence)


class Uploaded(Protocol):
    """What an upload field gives, and a file in memory has, too."""

    def read(self, size: int = -1, /) -> bytes: ...
    def seek(self, offset: int, /) -> object: ...


# Steps: inside the caller's transaction, or alone


def keep_logo(file: Uploaded, at: datetime) -> Logo:
    """
    Draw an uploaded picture anew as PNG, at most 600 x 200 pixels, and keep it under the name of its content.

    Nothing else of the file is kept: no place, no author, nothing hidden behind the picture. The same picture gives the same row.

    :raises LogoRefused: it is larger than 500 KB or 2000 x 2000 pixels, no PNG, JPEG or WebP, or it cannot be read.
    """
    picture = _drawn(_read(file))
    png = BytesIO()
    picture.save(png, "PNG", optimize=True)
    content = png.getvalue()
    width, height = picture.size
    facts = {"png": content, "width": width, "height": height, "added_at": at}
    logo, _ = Logo.objects.get_or_create(sha256=sha256(content).hexdigest(), defaults=facts)
    return logo


def _read(file: Uploaded) -> bytes:
    file.seek(0)
    content = file.read(LARGEST_FILE + 1)  # one more than allowed tells; the rest is never read
    if not content:
        raise LogoRefused("This file is empty.")
    if len(content) > LARGEST_FILE:
        raise LogoRefused("A logo can have 500 KB at most; save it smaller.")
    return content


def _drawn(content: bytes) -> Image.Image:
    """Return the picture in colours with transparency, upright, no larger than a logo is drawn; of an animation its first one."""
    try:
        with Image.open(cast(IO[bytes], BytesIO(content)), formats=FORMATS) as picture:
            _check_size(picture)  # reads the header alone, so a small file cannot unfold to gigabytes
            picture.load()
            upright = ImageOps.exif_transpose(picture).convert("RGBA")
    except Image.DecompressionBombError as error:
        raise LogoRefused(_too_large()) from error
    except Image.UnidentifiedImageError as error:
        raise LogoRefused("A logo must be a PNG, JPEG or WebP picture.") from error
    except (OSError, ValueError, SyntaxError, EOFError, MemoryError) as error:  # all of them, as the pieces of a bad file have it
        raise LogoRefused("This picture cannot be read; save it again as PNG, with 8 bits per colour.") from error
    clean = Image.new("RGBA", upright.size)
    clean.paste(upright)
    clean.thumbnail(DRAWN_AT_MOST)
    return clean


def _check_size(picture: Image.Image) -> None:
    if max(picture.size) > LARGEST_SIDE:
        raise LogoRefused(_too_large())


def _too_large() -> str:
    return f"A logo can have {LARGEST_SIDE} x {LARGEST_SIDE} pixels at most; save it smaller."
