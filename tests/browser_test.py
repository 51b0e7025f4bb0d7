"""TensorBoard as one sees it: a run, a server, and Chromium at its tabs.

TensorBoard's pages are made of elements with shadow roots, which selectors do
not enter: what is visible is collected by a walk through all of them.
"""

import contextlib
import os
import re
import shutil
import subprocess
import sys
import threading
import time

import pytest

import keras_rbm
from keras_rbm import data, experiment
from keras_rbm_cli import sweep_table

INSTALL = "`make test-all` installs it where it can"
webdriver = pytest.importorskip(
    "selenium.webdriver", reason=f"selenium is missing; {INSTALL}"
)
BROWSER = next(
    filter(
        None,
        map(shutil.which, ("chromium", "chromium-browser", "google-chrome")),
    ),
    None,
)
DRIVER = shutil.which("chromedriver")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        None in (BROWSER, DRIVER),
        reason=f"Chromium or its driver is missing; {INSTALL}",
    ),
]

EPOCHS, HIDDEN, CHAINS = 12, 8, 20
CONFIG = f"RBM.hidden = {HIDDEN}\nrun.epochs = {EPOCHS}\n"
SCALARS = ["2 Likelihood", "3 Chains", "4 Learning", "5 Throughput"]
GROUPS = ["1 Images", *SCALARS, "6 Histograms"]
# Seconds until something must be seen, on a machine with much else to do.
PATIENCE = 300
FLAGS = (
    *("--headless=new", "--disable-gpu", "--disable-quic", "--disable-sync"),
    *("--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-dev-shm-usage"),
    "--window-size=1600,2400",
)
WALK = """
const [selector] = arguments, elements = [], words = [];
(function walk(node) {
    for (const child of node.childNodes) {
        const own = child.parentElement ?? child.getRootNode().host;
        if (child.nodeType === Node.TEXT_NODE) {
            const text = child.textContent.trim();
            if (text && own.checkVisibility({visibilityProperty: true}))
                words.push(text);
        } else if (child.nodeType === Node.ELEMENT_NODE
                   && !child.matches("script, style, noscript")) {
            if (selector && child.matches(selector)) elements.push(child);
            if (child.shadowRoot) walk(child.shadowRoot);
            walk(child);
        }
    }
})(document.body);
return selector ? elements : words;
"""


class Page:
    """What a person in front of TensorBoard can see."""

    def __init__(self, driver):
        self.driver = driver
        self.address = None

    def open(self, tab):
        self.driver.switch_to.default_content()
        self.driver.get("about:blank")  # Else only the fragment would change.
        self.driver.get(f"{self.address}#{tab}")

    def words(self):
        """All pieces of text that are visible, in their order."""
        return self.driver.execute_script(WALK, None)

    def elements(self, selector):
        return self.driver.execute_script(WALK, selector)

    def wait(self, look):
        """Looks again and again until all assertions hold.

        Parts of a page come one after the other, in no certain order: an
        assertion must never stand alone after another has been waited for.
        """
        from selenium.common.exceptions import WebDriverException
        from urllib3.exceptions import HTTPError

        # While the page is being made words and elements are missing, go away,
        # and it may be too busy to answer.
        early = (AssertionError, LookupError, ValueError)
        busy = (WebDriverException, HTTPError)
        end = time.monotonic() + PATIENCE
        while True:
            try:
                return look()
            except (*early, *busy):
                if time.monotonic() > end:
                    print(" | ".join(self.words()))
                    raise
            time.sleep(0.2)


@pytest.fixture
def run(tmp_path):
    """The folder of a small run on handwritten digits."""
    output = tmp_path / "run"
    chain = keras_rbm.PersistentChain(CHAINS)
    experiment.run(
        keras_rbm.RBM(64, HIDDEN, chain=chain, seed=0),
        data.digits(),
        str(output),
        epochs=EPOCHS,
        steps_per_epoch=5,
        binarize="stochastic",
        pictures_every=1,
        log_likelihood_every=EPOCHS,
        describe=lambda: CONFIG,
    )
    return output


@pytest.fixture
def sweep(tmp_path, run):
    """The folder of a sweep of two runs, which have the curves of one."""
    folder = tmp_path / "sweep"
    axes = {"RBM.hidden": [8, 32]}
    folder.mkdir()
    sweep_table.write_columns(folder, axes)
    for hidden, lower in ((8, -25.125), (32, -24.375)):
        one = folder / f"RBM.hidden={hidden}"
        shutil.copytree(run / "tensorboard", one / "tensorboard")
        results = dict.fromkeys(sweep_table.METRICS) | {
            "point": {"RBM.hidden": hidden},
            "status": "finished",
            "log_likelihood_lower": lower,
            "log_likelihood_upper": lower + 0.25,
        }
        sweep_table.write_run(one, axes, results)
    return folder


@contextlib.contextmanager
def tensorboard(folder):
    """The address of a TensorBoard, started as the README says."""
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "tensorboard.main", "--port", "0"),
            *("--samples_per_plugin", "images=100", "--logdir", str(folder)),
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    # A process that never tells is ended, and so is the loop over its lines.
    timer = threading.Timer(PATIENCE, process.kill)
    timer.start()
    lines = []
    try:
        for line in process.stderr:
            lines.append(line)
            found = re.search(r"at (http://\S+)", line)
            if found:
                break
        else:
            pytest.fail(f"TensorBoard did not start: {''.join(lines)}")
        timer.cancel()
        # What is not read would fill the pipe.
        reader = threading.Thread(target=process.stderr.read, daemon=True)
        reader.start()
        yield found[1]
    finally:
        timer.cancel()
        process.terminate()
        process.wait()
        process.stderr.close()


@pytest.fixture
def page(tmp_path):
    options = webdriver.ChromeOptions()
    options.binary_location = BROWSER
    options.page_load_strategy = "eager"  # What must be seen is waited for.
    for flag in (*FLAGS, f"--user-data-dir={tmp_path / 'profile'}"):
        options.add_argument(flag)
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        options.add_argument("--no-sandbox")  # Chromium refuses one to root.
    driver = webdriver.Chrome(
        options, webdriver.ChromeService(executable_path=DRIVER)
    )
    driver.set_script_timeout(PATIENCE)
    try:
        yield Page(driver)
    finally:
        driver.quit()


def test_tensorboard_in_a_browser(run, sweep, page):
    # One test, which trains and starts a browser once.
    with tensorboard(run) as page.address:
        look_at_time_series(page)
        look_at_scalars(page)
        look_at_bands(page)
        look_at_images(page)
        look_at_histograms(page)
        look_at_text(page)
        look_at_the_projector(page)
    with tensorboard(sweep / "tensorboard") as page.address:
        look_at_hyper_parameters(page)


def ordered(words, expected):
    """Those of the expected words that are there, as they come first."""
    return [word for word in dict.fromkeys(words) if word in expected]


def look_at_time_series(page):
    def look():
        words = page.words()
        assert ordered(words, GROUPS) == GROUPS
        # The first two groups are open, all others closed.
        assert {"/filters", "/pseudo_log_likelihood"} <= {*words}
        assert not {"/memory", "/hidden_dead"} & {*words}
        # Training and validation are in one chart.
        card = words[words.index("/pseudo_log_likelihood") :]
        card = card[: card.index("/standard_error")]
        runs = ["tensorboard/train", "tensorboard/validation"]
        assert ordered(card, runs) == runs
        assert str(EPOCHS) in card  # The step.

    page.open("timeseries")
    page.wait(look)


def look_at_scalars(page):
    def look():
        words = page.words()
        assert "2 Likelihood/log_likelihood_lower" in words
        assert ordered(words, GROUPS) == SCALARS

    page.open("scalars")
    page.wait(look)


def look_at_bands(page):
    def look():
        words = page.words()
        assert "log p(v) and independent units" in words
        assert "log Z" in words

    page.open("custom_scalars")
    page.wait(look)


def look_at_images(page):
    names = ["filters", "projection", "reconstructions", "sample_means"]

    def pictures():
        images = [
            image for image in page.elements("img") if image.is_displayed()
        ]
        assert len(images) == len(names)
        widths = [image.get_property("naturalWidth") for image in images]
        assert min(widths) > 1  # They are loaded.
        assert widths[1] == 805
        return [image.get_attribute("src") for image in images]

    def look():
        words = page.words()
        assert {f"1 Images/{name}" for name in names} <= {*words}
        assert ordered(words, GROUPS) == ["1 Images"]
        # One more than ten epochs: the sliders have them all, and are at the
        # last one.
        sliders = page.elements("#steps")
        steps = [slider.get_property("max") for slider in sliders]
        assert steps == [EPOCHS - 1] * len(names)
        for name in names:
            assert step(words, f"1 Images/{name}") == str(EPOCHS)
        return sliders, pictures()

    def look_again():
        words, now = page.words(), pictures()
        for name, picture, other in zip(names, now, before, strict=True):
            moved = name == "projection"
            assert (picture != other) == moved
            assert step(words, f"1 Images/{name}") == str(EPOCHS - moved)

    page.open("images")
    sliders, before = page.wait(look)
    sliders[1].send_keys(webdriver.Keys.ARROW_LEFT)
    page.wait(look_again)


def step(words, tag):
    """The epoch that a picture is of."""
    words = words[words.index(tag) :]
    return words[words.index("step") + 1]


def look_at_histograms(page):
    names = ("kernel", "visible_bias", "hidden_bias", "hidden_means")

    def look():
        words = page.words()
        assert {f"6 Histograms/{name}" for name in names} <= {*words}
        assert ordered(words, GROUPS) == ["6 Histograms"]

    page.open("histograms")
    page.wait(look)


def look_at_text(page):
    def look():
        assert {"config", CONFIG.strip(), "tensorboard/train"} <= {
            *page.words()
        }

    page.open("text")
    page.wait(look)


def look_at_the_projector(page):
    points = len(data.digits().train) + CHAINS

    def look():
        # It is a page in a page in a page.
        page.driver.switch_to.default_content()
        while frames := [
            frame for frame in page.elements("iframe") if frame.is_displayed()
        ]:
            page.driver.switch_to.frame(frames[0])
        text = " ".join(page.words())
        assert f"Points: {points}" in text
        assert "Dimension: 64" in text
        # What is chosen in the lists: the tensor, and a column of its labels.
        fields = page.elements("input")
        chosen = {field.get_property("value") for field in fields}
        assert {"data and particles", "kind"} <= chosen

    page.driver.set_window_size(900, 700)  # Drawn without a GPU.
    page.open("projector")
    page.wait(look)


def look_at_hyper_parameters(page):
    ends = ("lower", "upper")

    def look():
        assert "32.000" not in page.words()
        assert {
            *("RBM.hidden", "sweep/RBM.hidden=8", "sweep/RBM.hidden=32"),
            *(sweep_table.METRICS[f"log_likelihood_{end}"] for end in ends),
            *("-25.125", "-24.875", "-24.375", "-24.125"),
        } <= {*page.words()}

    page.open("hparams")
    page.wait(look)
