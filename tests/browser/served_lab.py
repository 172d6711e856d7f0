"""A JupyterLab server of its own, with nothing of the user's settings."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import nbformat

ROOT = Path(__file__).resolve().parents[2]
FIND = "[...jupyterapp.shell.widgets('main')].find(w => w.content?.widgets)"
CELL = "book.content.widgets"


class Lab:
    """A server on this machine that serves one folder.

    Parameters
    ----------
    home : Path
        An empty folder for everything it writes.
    """

    def __init__(self, home: Path) -> None:
        self.folder = home / "notebooks"
        self.folder.mkdir()
        news = home / "settings" / "@jupyterlab" / "apputils-extension"
        news.mkdir(parents=True)
        (news / "notification.jupyterlab-settings").write_text('{"fetchNews": "false"}')
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.log = home / "log"
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                self._command(port), env=_environment(home), stdout=log, stderr=log
            )
        self.address = f"http://127.0.0.1:{port}"
        self._wait(60)

    def _command(self, port: int) -> list[str]:
        return [
            *(sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root"),
            *("--ip=127.0.0.1", f"--port={port}", "--ServerApp.port_retries=0"),
            *("--IdentityProvider.token=", "--ServerApp.disable_check_xsrf=True"),
            *(f"--ServerApp.root_dir={self.folder}", "--LabApp.expose_app_in_browser=True"),
            "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
        ]

    def _wait(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while True:
            try:
                urlopen(f"{self.address}/api/status", timeout=5).close()
                return
            except (URLError, OSError):
                if time.monotonic() > end or self.process.poll() is not None:
                    self.close()
                    raise RuntimeError(self.log.read_text()[-3000:]) from None
                time.sleep(0.2)

    def open(self, page, cells: list[str]) -> None:
        """Open a new notebook in a page and wait for its kernel."""
        notebook = nbformat.v4.new_notebook(
            cells=[nbformat.v4.new_code_cell(cell.strip()) for cell in cells],
            metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}},
        )
        nbformat.write(notebook, self.folder / "stereo.ipynb")
        self._show(page, "stereo.ipynb")

    def open_copy(self, page, path: Path) -> None:
        """Open a copy of a notebook, without what it printed before, and wait for its kernel."""
        notebook = nbformat.read(path, 4)
        for cell in notebook.cells:
            if cell.cell_type == "code":
                cell.outputs, cell.execution_count = [], None
        nbformat.write(notebook, self.folder / path.name)
        self._show(page, path.name)

    def _show(self, page, name: str) -> None:
        page.open(f"{self.address}/doc/tree/{name}")
        page.until(f"window.jupyterapp && (window.book = {FIND})", 60)
        page.until("book.sessionContext?.session?.kernel?.status === 'idle'", 60)

    def close(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()


def run(page, number: int, seconds: float = 60.0) -> None:
    """Run one cell of the notebook in a page and wait for its end."""
    page.ask(f"jupyterapp.shell.activateById(book.id); book.content.activeCellIndex = {number}")
    page.ask("(jupyterapp.commands.execute('notebook:run-cell'), 0)")
    model = f"{CELL}[{number}].model"
    page.until(f"{model}.executionState === 'idle' && {model}.executionCount > 0", seconds)
    failed = page.ask(
        f"{model}.sharedModel.outputs.filter(o => o.output_type === 'error')"
        ".map(o => o.ename + ': ' + o.evalue)[0]"
    )
    assert not failed, failed


def run_all(page, seconds: float) -> None:
    """Run the whole notebook, as its menu does, and wait for its end."""
    page.ask("jupyterapp.shell.activateById(book.id)")
    page.ask("(jupyterapp.commands.execute('notebook:run-all-cells'), 0)")
    code = f"{CELL}.filter(c => c.model.type === 'code').map(c => c.model)"
    failed = f"{code}.flatMap(m => m.sharedModel.outputs).find(o => o.output_type === 'error')"
    done = f"{code}.every(m => m.executionState === 'idle' && m.executionCount > 0)"
    page.until(f"{failed} || {done}", seconds)
    assert page.ask(f"{failed}?.ename + ': ' + {failed}?.evalue") == "undefined: undefined"


def _environment(home: Path) -> dict[str, str]:
    places = {
        # The kernels import the checkout under test.
        "PYTHONPATH": ROOT,
        "JUPYTER_CONFIG_DIR": home / "config",
        "JUPYTER_DATA_DIR": home / "data",
        "JUPYTER_RUNTIME_DIR": home / "runtime",
        "IPYTHONDIR": home / "ipython",
        "JUPYTERLAB_SETTINGS_DIR": home / "settings",
        "JUPYTERLAB_WORKSPACES_DIR": home / "workspaces",
    }
    environment = {**os.environ, **{name: str(place) for name, place in places.items()}}
    environment.pop("MPLBACKEND", None)
    return environment
