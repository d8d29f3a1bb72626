"""
What makes a PDF with an e-invoice inside a Factur-X document: the attachment, the metadata, the colours' meaning.

Built to ISO 19005-3 (PDF/A-3, level B) and Factur-X 1.0.07: fonts inside, colours named by an sRGB profile, metadata as XMP with
the description of Factur-X's own, the attachment related to the document as its alternative, every stream ended by a line of its
own. No validator of PDF/A has judged it yet: the tests look at each of these points.
"""

from datetime import date
from functools import cache
from struct import pack
from typing import Any
from xml.sax.saxutils import escape

from PIL import ImageCms
from reportlab.pdfbase import pdfdoc

from billing.documents.sheets import Sheets

FILE_NAME = "factur-x.xml"
CREATOR, PRODUCER = "Cloudtill", "ReportLab PDF Library"
_PROFILE_NAME = "sRGB IEC61966-2.1"

_METADATA = """<?xpacket begin="\N{ZERO WIDTH NO-BREAK SPACE}" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:pdfaid="http://www.aiim.org/pdfa/ns/id/" pdfaid:part="3" pdfaid:conformance="B"/>
<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/">
<dc:format>application/pdf</dc:format>
<dc:title><rdf:Alt><rdf:li xml:lang="x-default">{title}</rdf:li></rdf:Alt></dc:title>
<dc:description><rdf:Alt><rdf:li xml:lang="x-default">{title}</rdf:li></rdf:Alt></dc:description>
<dc:creator><rdf:Seq><rdf:li>{author}</rdf:li></rdf:Seq></dc:creator></rdf:Description>
<rdf:Description rdf:about="" xmlns:pdf="http://ns.adobe.com/pdf/1.3/" pdf:Producer="{producer}"/>
<rdf:Description rdf:about="" xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmp:CreatorTool="{creator}"
 xmp:CreateDate="{day}T00:00:00+00:00" xmp:ModifyDate="{day}T00:00:00+00:00"/>
<rdf:Description rdf:about="" xmlns:fx="urn:factur-x:pdfa:CrossIndustryDocument:invoice:1p0#" fx:DocumentType="INVOICE"
 fx:DocumentFileName="{file}" fx:Version="1.0" fx:ConformanceLevel="EN 16931"/>
<rdf:Description rdf:about="" xmlns:pdfaExtension="http://www.aiim.org/pdfa/ns/extension/"
 xmlns:pdfaSchema="http://www.aiim.org/pdfa/ns/schema#" xmlns:pdfaProperty="http://www.aiim.org/pdfa/ns/property#">
<pdfaExtension:schemas><rdf:Bag><rdf:li rdf:parseType="Resource">
<pdfaSchema:schema>Factur-X PDFA Extension Schema</pdfaSchema:schema>
<pdfaSchema:namespaceURI>urn:factur-x:pdfa:CrossIndustryDocument:invoice:1p0#</pdfaSchema:namespaceURI>
<pdfaSchema:prefix>fx</pdfaSchema:prefix>
<pdfaSchema:property><rdf:Seq>{properties}</rdf:Seq></pdfaSchema:property>
</rdf:li></rdf:Bag></pdfaExtension:schemas></rdf:Description>
</rdf:RDF></x:xmpmeta>
<?xpacket end="w"?>"""
_PROPERTY = """<rdf:li rdf:parseType="Resource"><pdfaProperty:name>{name}</pdfaProperty:name>
<pdfaProperty:valueType>Text</pdfaProperty:valueType><pdfaProperty:category>external</pdfaProperty:category>
<pdfaProperty:description>{told}</pdfaProperty:description></rdf:li>"""
_PROPERTIES = {
    "DocumentFileName": "Name of the embedded XML file",
    "DocumentType": "INVOICE",
    "Version": "Version of the Factur-X XML schema",
    "ConformanceLevel": "Conformance level of the embedded data",
}


def attach(sheets: Sheets, xml: bytes, *, title: str, author: str, day: date) -> None:
    """Put ``xml`` into the PDF that ``sheets`` are drawn as, and name it so that machines find it. ``day`` is the document's."""
    doc = sheets.document
    canvas = sheets.canvas
    canvas.setSubject(title)
    canvas.setCreator(CREATOR)
    canvas.setProducer(PRODUCER)
    canvas.setDateFormatter(lambda *_clock: f"D:{day:%Y%m%d}000000+00'00'")
    doc.encrypt = _EndedStreams()
    catalog = doc.Catalog
    catalog.__NoDefault__ = [*catalog.__NoDefault__, "AF", "OutputIntents"]
    file = _file(doc, xml, day)
    catalog.AF = pdfdoc.PDFArray([file])
    catalog.Names = pdfdoc.PDFDictionary(
        {"EmbeddedFiles": pdfdoc.PDFDictionary({"Names": pdfdoc.PDFArray([pdfdoc.PDFString(FILE_NAME), file])})}
    )
    catalog.OutputIntents = pdfdoc.PDFArray([_colours(doc)])
    catalog.Metadata = _stream(_metadata(title, author, day), Type="/Metadata", Subtype="/XML")


class _Ended(bytes, pdfdoc.PDFObject):
    """A stream's bytes, which end with a line of their own that does not count to their length (ISO 19005-3, 6.1.7.1)."""

    def format(self, _document: Any) -> bytes:
        return bytes(self) + b"\n"


class _EndedStreams(pdfdoc.NoEncryption):
    """Where reportlab would encrypt a stream, only mark it as one."""

    def encode(self, t: Any) -> Any:
        return _Ended(t) if isinstance(t, bytes) else t


def _file(doc: Any, xml: bytes, day: date) -> Any:
    stream = _stream(
        xml,
        compressed=True,
        Type="/EmbeddedFile",
        Subtype="/text#2Fxml",
        Params=pdfdoc.PDFDictionary({"Size": len(xml), "ModDate": pdfdoc.PDFString(f"D:{day:%Y%m%d}000000+00'00'")}),
    )
    embedded = doc.Reference(stream, "embedded:xml")
    return doc.Reference(
        pdfdoc.PDFDictionary(
            {
                "Type": pdfdoc.PDFName("Filespec"),
                "F": pdfdoc.PDFString(FILE_NAME),
                "UF": pdfdoc.PDFString(FILE_NAME),
                "Desc": pdfdoc.PDFString("Factur-X"),
                "AFRelationship": pdfdoc.PDFName("Alternative"),
                "EF": pdfdoc.PDFDictionary({"F": embedded, "UF": embedded}),
            }
        ),
        "file:xml",
    )


def _colours(doc: Any) -> Any:
    profile = pdfdoc.PDFStream(
        pdfdoc.PDFDictionary({"N": 3, "Filter": pdfdoc.PDFName("FlateDecode")}), _compressed_profile(), filters=[]
    )
    return pdfdoc.PDFDictionary(
        {
            "Type": pdfdoc.PDFName("OutputIntent"),
            "S": pdfdoc.PDFName("GTS_PDFA1"),
            "OutputConditionIdentifier": pdfdoc.PDFString(_PROFILE_NAME),
            "Info": pdfdoc.PDFString(_PROFILE_NAME),
            "DestOutputProfile": doc.Reference(profile, "profile:sRGB"),
        }
    )


def _stream(content: bytes, *, compressed: bool = False, **entries: Any) -> Any:
    return pdfdoc.PDFStream(pdfdoc.PDFDictionary(entries), content, filters=[pdfdoc.PDFZCompress] if compressed else [])


def _metadata(title: str, author: str, day: date) -> bytes:
    filled = {"title": title, "author": author, "creator": CREATOR, "producer": PRODUCER, "file": FILE_NAME, "day": f"{day}"}
    told = {name: escape(value, {'"': "&quot;"}) for name, value in filled.items()}
    properties = "".join(_PROPERTY.format(name=name, told=text) for name, text in _PROPERTIES.items())
    return _METADATA.format(**told, properties=properties).encode()


@cache
def _compressed_profile() -> bytes:
    return bytes(pdfdoc.PDFZCompress.encode(_profile()))


def _profile() -> bytes:
    """Return the profile of sRGB, without the moment it was made at and the mark that follows from it: the same everywhere."""
    made = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    made[24:36] = pack(">6H", 2000, 1, 1, 0, 0, 0)  # ICC.1, 7.2.1: date and time
    made[84:100] = bytes(16)  # the profile's id; zero says that none was worked out
    return bytes(made)
