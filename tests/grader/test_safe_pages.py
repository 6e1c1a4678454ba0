"""Nothing that an attendee wrote acts in the browser of whoever reads it."""

from __future__ import annotations

import nbformat
import pytest
from nbconvert.exporters import HTMLExporter
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from traitlets.config import Config

from grader.safe_pages import SafePages, clean, markdown2html

PIXEL = "iVBORw0KGgo="
ACTING = [
    "<script>owned()</script>",
    "<img src=x onerror=owned()>",
    f'<img src="data:image/png;base64,{PIXEL}" onload="owned()">',
    '<img src="data:image/svg+xml;base64,PHN2Zz4=">',
    '<a href="javascript:owned()">read me</a>',
    '<a href="data:text/html,<script>owned()</script>">read me</a>',
    "<svg onload=owned()></svg>",
    '<iframe src="//outside.example"></iframe>',
    '<form action="/services/formgrader/formgrader/api/grade/1"><button>win</button></form>',
    '<div style="position:fixed;inset:0">cover</div>',
    '<span id="check_count_units" class="score">2</span>',
    '<link rel="stylesheet" href="//outside.example/a.css"><style>*{display:none}</style>',
    '<base href="//outside.example"><meta http-equiv="refresh" content="0;url=//outside.example">',
    "<math><mtext><table><mglyph><style><img src=x onerror=owned()></style></mglyph></table>",
]
TRACES = ("owned", "outside", "<script", "<style", "style=", "<form", "id=", "score", "svg")


@pytest.mark.parametrize("html", ACTING)
def test_what_acts_is_gone(html: str) -> None:
    for shown in (clean(html), markdown2html(f"text {html} text\n\n{html}")):
        # What is left of it is text, not markup.
        tags = "".join(part.partition(">")[0] for part in shown.split("<")[1:])
        assert [trace for trace in TRACES if trace.strip("<") in tags] == []


def test_honest_markdown_keeps_its_form() -> None:
    page = markdown2html(
        "## Title\n\n| a | b |\n|---|---|\n| 1 | *two* |\n\n```python\nimport re\n```"
    )
    for part in ("<h2>", "<td>1</td>", "<em>two</em>", '<span class="kn">import</span>'):
        assert part in page


def test_outputs_show_text_and_pictures_only() -> None:
    data = {
        "text/plain": "plain",
        "text/html": "<b>bold</b><script>owned()</script>",
        "image/png": PIXEL,
        "application/javascript": "owned()",
    }
    output = new_output(
        "display_data", data, metadata={"image/png": {"width": "1 onerror=owned()", "height": 2}}
    )
    picture = new_output(
        "display_data", {"image/png": PIXEL}, metadata={"image/png": {"width": "1 onerror=owned()"}}
    )
    notebook = new_notebook(
        cells=[
            new_code_cell("1", outputs=[output, picture], metadata={"tags": ['"><script>owned()']}),
            new_markdown_cell("<script>owned()</script>"),
        ]
    )
    notebook.metadata["widgets"] = {"application/vnd.jupyter.widget-state+json": {"owned": {}}}
    nbformat.validate(notebook)
    config = Config()
    config.HTMLExporter.preprocessors = [SafePages]
    config.HTMLExporter.filters = {"markdown2html": "grader.safe_pages.markdown2html"}
    config.HTMLExporter.template_name = "classic"
    page, _ = HTMLExporter(config=config).from_notebook_node(notebook)
    body = page[page.index("<body") :]
    assert "<b>bold</b>" in body
    assert f'src="data:image/png;base64,{PIXEL}"' in body
    assert "<script" not in body
    assert "onerror" not in body
