"""Other people's files are what VENDOR.md says, and no file of ours asks another host for anything."""

import hashlib
import re
from pathlib import Path

from django.core.files.storage import FileSystemStorage
from whitenoise.storage import CompressedManifestStaticFilesStorage

ROOT = Path(__file__).resolve().parents[2]
STATIC, TEMPLATES = ROOT / "static", ROOT / "templates"
SUMS = dict(re.findall(r"^\| `([^`]+)` \|.*?`([0-9a-f]{64})` \|$", (STATIC / "VENDOR.md").read_text(), re.MULTILINE))
VENDORED = [path for folder in ("vendor", "icons") for path in (STATIC / folder).iterdir() if path.suffix != ".md"]
# Names that are never asked for: XML namespaces, and comments with the authors' addresses.
HARMLESS = {"www.w3.org", "tabler.io", "github.com"}
ASKS_A_HOST = re.compile(
    r"""(?:src|href|action|hx-get|hx-post|poster|srcset)\s*=\s*["']\s*(?:https?:)?//"""
    r"""|url\(\s*["']?\s*(?:https?:)?//|@import\s+["'](?:https?:)?//""",
    re.IGNORECASE,
)


def text_files():
    folders = [(STATIC, {".css", ".js", ".svg"}), (TEMPLATES, {".html"})]
    return sorted(path for folder, kinds in folders for path in folder.rglob("*") if path.suffix in kinds)


def test_each_vendored_file_is_the_one_that_is_written_down():
    found = {str(path.relative_to(STATIC)): hashlib.sha256(path.read_bytes()).hexdigest() for path in VENDORED}
    assert found == SUMS


def test_no_file_asks_another_host():
    assert [path for path in text_files() if ASKS_A_HOST.search(path.read_text())] == []


def test_vendored_code_names_no_host_but_its_authors():
    code = "".join(path.read_text() for path in VENDORED if path.suffix in {".css", ".js"})
    assert set(re.findall(r"https?://([\w.-]+)", code)) <= HARMLESS


def test_no_page_needs_an_inline_style_or_script():
    for path in TEMPLATES.rglob("*.html"):
        text = path.read_text()
        if text.lower().lstrip().startswith("<!doctype"):
            continue  # a document that leaves the house on its own: a mail, an export
        assert not re.search(r"\s(style|on\w+)\s*=\s*[\"']", text), path
        assert not re.search(r"<style|<script(?![^>]*(\ssrc=|application/json))", text), path


def test_the_storage_of_images_can_hash_and_compress_every_file(tmp_path):
    storage = CompressedManifestStaticFilesStorage(location=str(tmp_path), base_url="/static/")
    source = FileSystemStorage(location=str(STATIC))
    names = [path.relative_to(STATIC).as_posix() for path in STATIC.rglob("*") if path.is_file()]
    for name in names:
        storage.save(name, source.open(name))
    processed = list(storage.post_process({name: (storage, name) for name in names}))
    assert [(name, error) for name, _, error in processed if isinstance(error, Exception)] == []
    assert re.fullmatch(r"css/tokens\.\w{12}\.css", storage.stored_name("css/tokens.css"))
    assert list(tmp_path.glob("vendor/tabler.min.*.css.gz"))
