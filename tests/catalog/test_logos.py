"""Logos: what is taken, what is refused and why, and how they are served."""

import struct
import zlib
from io import BytesIO

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from PIL import Image

from catalog.models import Logo
from catalog.operations.logos import LogoRefused, keep_logo
from tests.factories import AT


def picture(kind: str = "PNG", size: tuple[int, int] = (300, 100), mode: str = "RGB", **options: object) -> SimpleUploadedFile:
    content = BytesIO()
    Image.new(mode, size, 128 if mode == "L" else (15, 118, 110, 255)[: len(mode)]).save(content, kind, **options)
    return SimpleUploadedFile(f"logo.{kind.lower()}", content.getvalue())


def png_that_claims(width: int, height: int) -> SimpleUploadedFile:
    """A file of a hundred bytes that says it is that large."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    file = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")
    return SimpleUploadedFile("bomb.png", file)


def opened(logo: Logo) -> Image.Image:
    return Image.open(BytesIO(bytes(logo.png)))


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
@pytest.mark.django_db
def test_a_picture_is_kept_as_png(kind: str) -> None:
    logo = keep_logo(picture(kind), AT)

    assert opened(logo).format == "PNG"
    assert (logo.width, logo.height) == opened(logo).size == (300, 100)


@pytest.mark.parametrize("mode", ["L", "CMYK"])
@pytest.mark.django_db
def test_pictures_in_grey_and_for_print_are_taken_too(mode: str) -> None:
    assert opened(keep_logo(picture("JPEG", mode=mode), AT)).mode == "RGBA"


@pytest.mark.parametrize(
    ("size", "drawn"), [((2000, 2000), (200, 200)), ((1800, 100), (600, 33)), ((2000, 1), (600, 1)), ((40, 40), (40, 40))]
)
@pytest.mark.django_db
def test_a_large_picture_is_drawn_smaller_and_a_small_one_stays(size: tuple[int, int], drawn: tuple[int, int]) -> None:
    assert opened(keep_logo(picture(size=size), AT)).size == drawn


@pytest.mark.django_db
def test_the_same_picture_is_kept_once() -> None:
    assert keep_logo(picture(), AT) == keep_logo(picture(), AT)
    assert Logo.objects.count() == 1


@pytest.mark.django_db
def test_nothing_but_the_picture_is_kept() -> None:
    exif = Image.Exif()
    exif[0x013B] = "Jane Doe, 52.5200 N 13.4050 E"

    logo = keep_logo(picture("JPEG", exif=exif), AT)

    assert b"Jane Doe" not in bytes(logo.png)
    assert dict(opened(logo).getexif()) == {}


@pytest.mark.django_db
def test_a_picture_taken_sideways_stands_upright() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees

    assert opened(keep_logo(picture("JPEG", size=(100, 50), exif=exif), AT)).size == (50, 100)


SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'


@pytest.mark.parametrize(
    ("file", "sentence"),
    [
        (SimpleUploadedFile("logo.svg", SVG), "PNG, JPEG or WebP"),
        (SimpleUploadedFile("logo.png", SVG), "PNG, JPEG or WebP"),
        (picture("GIF", mode="L"), "PNG, JPEG or WebP"),
        (SimpleUploadedFile("logo.png", b""), "is empty"),
        (SimpleUploadedFile("logo.png", b"\x89PNG" + b"\0" * 500 * 1024), "500 KB at most"),
        (SimpleUploadedFile("logo.png", picture().read()[:60]), "cannot be read"),
        (picture(size=(2001, 10)), "2000 x 2000 pixels"),
        (png_that_claims(3000, 3000), "2000 x 2000 pixels"),
        (png_that_claims(60_000, 60_000), "2000 x 2000 pixels"),
        (png_that_claims(1000, 1000), "cannot be read"),
    ],
    ids=["svg", "svg as png", "gif", "empty", "heavy", "cut off", "wide", "large claim", "bomb", "false claim"],
)
@pytest.mark.django_db
def test_what_is_no_logo_is_refused_in_a_sentence(file: SimpleUploadedFile, sentence: str) -> None:
    with pytest.raises(LogoRefused, match=sentence) as refusal:
        keep_logo(file, AT)

    assert refusal.value.field == "logo"
    assert Logo.objects.count() == 0


@pytest.mark.django_db
def test_everybody_gets_a_logo_and_may_keep_it(client: Client) -> None:
    logo = keep_logo(picture(), AT)

    answer = client.get(reverse("catalog:logo", args=[logo.sha256]))

    assert (answer.status_code, answer["Content-Type"]) == (200, "image/png")
    assert answer.content == bytes(logo.png)
    assert "immutable" in answer["Cache-Control"]
    assert answer["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("name", ["0" * 64, "x", "%00"])
@pytest.mark.django_db
def test_a_logo_nobody_kept_is_not_found(client: Client, name: str) -> None:
    assert client.get(f"/logos/{name}.png").status_code in {400, 404}
