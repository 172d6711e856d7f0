"""A saved page opens from its file, alone: no network, no server, no error."""

import time

import numpy as np
from headless_chromium import difference, first_coloured, saturation

from hyperspy_stereo.results import DislocationNetwork
from hyperspy_stereo.results.measuring import measure_points, with_error


def test_a_saved_page_needs_no_network(browser, pictures, tmp_path):
    t = np.linspace(-1, 1, 80)[:, None]
    rng = np.random.default_rng(2)
    lines = [
        rng.uniform((60, 40, -60), (340, 260, 60)) + 70 * t * rng.normal(size=3) for _ in range(25)
    ]
    network = DislocationNetwork(
        np.vstack(lines), np.repeat(np.arange(25), 80), np.full(2000, 4.0), units="nm",
        image_shape=(300, 400), incidence=[[50, 0], [-50, 0]],
    )  # fmt: skip
    views = 1 + 0.1 * rng.normal(size=(2, 300, 400))
    view = network.plot(images=views)
    path = view.save_html(tmp_path / "network.html")
    page = browser.page((900, 620))
    try:
        page.send("Network.setBlockedURLs", urls=["http://*", "https://*", "ws://*", "wss://*"])
        page.send(
            "Network.emulateNetworkConditions",
            offline=True, latency=0, downloadThroughput=0, uploadThroughput=0,
        )  # fmt: skip
        page.open(path.as_uri())
        page.until("document.readyState === 'complete' && document.querySelector('canvas')")
        box = page.box("document.querySelector('canvas')")
        first_coloured(page, box)
        before = page.picture(None, pictures / "saved_page.png")
        assert saturation(before) > 0.01
        x, y, width, height = box
        page.drag((x + 0.6 * width, y + 0.5 * height), (x + 0.4 * width, y + 0.4 * height))
        time.sleep(0.3)
        assert difference(before, page.picture()) > 0.02
        # Two clicks on lines measure what Python measures.
        page.ask("byId('measure').click()")
        for number in (40, 1999):
            x, y, _ = page.ask(f"onScreen(camera(0), pointAt({number}))")
            page.click((box[0] + x, box[1] + y))
        ends = page.ask("measure.ends")
        said = page.ask("byId('measured').textContent")
        m = measure_points(*network.points[ends], *view.scene.lines.sigma[ends], units="nm")
        assert said.startswith(f"distance {with_error(m.distance, m.distance_error)} nm")
        assert with_error(m.depth, m.depth_error) in said
        assert with_error(m.inclination, m.inclination_error) in said
        page.picture(None, pictures / "saved_page_measured.png")
        beyond = [url for url in page.requests if not url.startswith(("data:", "blob:"))]
        assert beyond == [path.as_uri()]
        assert page.errors == []
    finally:
        page.close()
