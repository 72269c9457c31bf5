"""The reports of a month written to files: which reports there are, in which formats, under which names."""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any, BinaryIO

from server.errors import ReportRefused
from server.reports.aggregates import aggregates
from server.reports.arrears import arrears, arrears_slips
from server.reports.atomic import whole_file
from server.reports.attested import attested
from server.reports.csvfile import write_csv
from server.reports.differences import differences
from server.reports.document import Document
from server.reports.dutyorders import duty_orders
from server.reports.held import held
from server.reports.language import Language
from server.reports.model import MonthReport
from server.reports.page import shortened, write_page
from server.reports.payments import payment_list
from server.reports.pdf import write_pdf
from server.reports.recap import recap
from server.reports.safe import file_name
from server.reports.slips import slips
from server.reports.warnings import discipline
from server.reports.xlsx import write_xlsx

Writer = Callable[[BinaryIO], None]
Named = tuple[str, Writer]
"""The key of a file's name in the catalogue (`file:…`), and what writes the file."""

# A new report is a file beside these and an entry here; it then comes in every format. None: the month has no such
# list, so there is no such file.
REPORTS: dict[str, Callable[[MonthReport, Language], Document | None]] = {
    "payments": payment_list,
    "recap": recap,
    "slips": slips,
    "held": held,
    "differences": differences,
    "discipline": discipline,
    "duty_orders": duty_orders,
    "attested": attested,
    "arrears": arrears,
    "arrears_slips": arrears_slips,
    "aggregates": aggregates,
}


def _pdf(documents: Sequence[Document]) -> Iterator[Named]:
    for document in documents:
        yield document.name, partial(write_pdf, document)


def _xlsx(documents: Sequence[Document]) -> Iterator[Named]:
    for document in documents:
        yield document.name, partial(write_xlsx, document)


def _csv(documents: Sequence[Document]) -> Iterator[Named]:
    for document in documents:
        for table in document.sheets:
            yield table.name, partial(write_csv, table)


def _html(documents: Sequence[Document]) -> Iterator[Named]:
    yield "page", partial(write_page, [shortened(document) for document in documents])


FORMATS: dict[str, Callable[[Sequence[Document]], Iterator[Named]]] = {
    "pdf": _pdf,
    "xlsx": _xlsx,
    "csv": _csv,
    "html": _html,
}


def write_reports(
    reports: Sequence[MonthReport],
    directory: Path,
    languages: Iterable[str] = ("id",),
    formats: Iterable[str] = tuple(FORMATS),
    names: Iterable[str] = tuple(REPORTS),
) -> list[Path]:
    """Write each agency's reports to a folder of its own under `directory`; the files, in the order written.

    Every month is checked before the first file is written. Raises ReportRefused where figures do not add up,
    or a language, format or report is unknown; OSError where a file cannot be written.
    """
    chosen = [(form, _known(FORMATS, form, "format")) for form in formats]
    builders = {name: _known(REPORTS, name, "report") for name in names}
    spoken = [Language(code) for code in languages]
    for report in reports:
        report.check()
    folders = _folders(reports)
    written = []
    for report, folder in zip(reports, folders, strict=True):
        for say in spoken:
            built = (build(report, say) for build in builders.values())
            documents = [document for document in built if document is not None]
            if not documents:
                raise ReportRefused(f"{report.agency.name} {report.month} has no such list: {', '.join(builders)}")
            for form, files in chosen:
                for name, write in files(documents):
                    path = directory / folder / f"{_stem(name, builders, say)}.{form}"
                    with whole_file(path) as stream:
                        write(stream)
                    written.append(path)
    return written


def _stem(name: str, names: Collection[str], say: Language) -> str:
    """The name of a file. A page of some reports alone is called after them: it takes no other page's place."""
    stem = say(f"file:{name}")
    if name != "page" or REPORTS.keys() <= set(names):
        return stem
    return "-".join((stem, *(say(f"file:{report}") for report in REPORTS if report in names)))


def _known(entries: dict[str, Any], name: str, what: str) -> Any:
    if name not in entries:
        raise ReportRefused(f"no {what} {name!r}; there are {', '.join(entries)}")
    return entries[name]


def _folders(reports: Sequence[MonthReport]) -> list[str]:
    """A folder for each month and agency, the same whichever are written; a second report of one has a number."""
    folders: list[str] = []
    for report in reports:
        folder = f"{report.month}-{_folder_name(report.agency.id)}"
        before = sum(one.agency.id == report.agency.id for one in reports[: len(folders)])
        folders.append(f"{folder}-{before + 1}" if before else folder)
    return folders


def _folder_name(agency: str) -> str:
    """A name for an agency's folder that no other agency has: where letters had to give way, with a digest."""
    name = file_name(agency)
    if name == agency.replace(" ", "-") and "-" not in agency:
        return name
    return f"{name}-{sha256(agency.encode()).hexdigest()[:8]}"
