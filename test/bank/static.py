"""Answers of XML_dynamic as files, for a web server that is faster than the stand-in: benchmarks use them."""
import pathlib

from documents import Series
from service import catalogue


def write_answers(source, directory, first, last):
    """Write DIR/XML_dynamic/ID_FIRST_LAST.xml of every currency, and DIR/XML_valFull/0.xml and 1.xml."""
    folder = make(directory, "XML_dynamic")
    for cbr_id in source.currencies():
        document = Series(cbr_id, first, last, source.between(cbr_id, first, last))
        document.title = source.note + document.title
        (folder / f"{cbr_id}_{first.isoformat()}_{last.isoformat()}.xml").write_bytes(document.render())
    folder = make(directory, "XML_valFull")
    for wanted in "01":
        (folder / f"{wanted}.xml").write_bytes(catalogue(source, {"d": wanted}).render())


def make(directory, name):
    """A folder that is there."""
    folder = pathlib.Path(directory, name)
    folder.mkdir(parents=True, exist_ok=True)
    return folder
