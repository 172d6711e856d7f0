"""The first notebook as it comes, run as a whole in a served JupyterLab, and its network turned."""

import pytest
from headless_chromium import difference, first_coloured, saturation, settled
from served_lab import CELL, ROOT, run_all

NOTEBOOK = ROOT / "notebooks" / "01_from_scan_to_lines.ipynb"
# Notices that these versions of JupyterLab and its extensions always write.
KNOWN = ("favicon", "jupyterlab_pygments")
SECONDS = 600  # for all cells: some 50 s of work, on a machine that may do other things besides
# The canvas of the 3D picture; figures of matplotlib are plain images here.
SCENE = (
    "[...book.node.querySelectorAll('canvas')]"
    ".find(c => c.width > 300 && c.closest('.jupyter-widgets'))"
)


@pytest.fixture(scope="module")
def page(lab, browser):
    """The notebook, opened, with its kernel ready."""
    page = browser.page()
    lab.open_copy(page, NOTEBOOK)
    yield page
    page.close()


def outputs(page, word: str) -> str:
    """All that the first cell with a word in its code has printed."""
    found = f"c.model.type === 'code' && c.model.sharedModel.source.includes({word!r})"
    return page.ask(
        f"{CELL}.find(c => {found})"
        ".model.sharedModel.outputs.map(o => [].concat(o.text ?? '').join('')).join('')"
    )


def test_the_first_notebook_runs_and_its_network_turns(page, pictures):
    run_all(page, SECONDS)
    median = float(outputs(page, "depth_errors(lines").split("|error|")[1].split("nm")[0])
    assert median < 3
    number = page.ask(f"{CELL}.findIndex(c => c.model.sharedModel.source === 'lines.plot()')")
    page.ask(f"(book.content.activeCellIndex = {number}, book.content.scrollToItem({number}), 0)")
    page.until(SCENE, 30)
    box = page.box(SCENE)
    first_coloured(page, box)
    before = settled(page, box, path=pictures / "tutorial_before.png")
    x, y, width, height = box
    page.drag((x + 0.6 * width, y + 0.5 * height), (x + 0.4 * width, y + 0.4 * height))
    after = settled(page, box, path=pictures / "tutorial_after.png")
    page.picture(path=pictures / "tutorial_page.png")
    assert saturation(before) > 0.01
    assert saturation(after) > 0.01
    assert difference(before, after) > 0.03


def test_nothing_went_wrong_on_the_page(page):
    wrong = [error for error in page.errors if not any(known in error for known in KNOWN)]
    assert wrong == []
