"""The pages: their Python blocks run, their links and pictures are there."""

import ast
import functools
import importlib
import inspect
import pathlib
import re
import subprocess
import sys

import keras
import numpy as np
import pytest

import keras_rbm
from keras_rbm import budget, models

ROOT = pathlib.Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "benchmarks" / "README.md",
    *sorted(DOCS.rglob("*.md")),
]
# Pages whose models train in `make test`, with smaller defaults than a user's:
# the first steps, and some of the guides. What the other pages show has tests
# of its own, beside the module that it is about. `make test-all` runs all pages
# as a reader would. Names and arguments are looked at on all pages.
QUICK = [
    "README.md",
    "docs/tutorial.md",
    "docs/guides/sequences.md",
]
# Packages whose names are public.
PUBLIC = [
    *("keras_rbm", "keras_rbm.chains", "keras_rbm.units"),
    *("keras_rbm.models", "keras_rbm.networks", "keras_rbm.likelihood"),
    *("keras_rbm.data", "keras_rbm.callbacks", "keras_rbm.figures"),
    *("keras_rbm.plots", "keras_rbm.presets"),
    *("keras_rbm.experiment", "keras_rbm.evaluation", "keras_rbm.sklearn"),
    "keras_rbm.sequences",
]
# Imported before a page is: what its first import would register with Keras is
# forgotten at its end.
for package in PUBLIC:
    importlib.import_module(package)
# Modules that the reference shows as a whole.
BLOCKS = [
    f"keras_rbm.{module}"
    for module in (
        *("machine", "gibbs", "gradients", "couplings"),
        *("tempering", "diagnostics", "random"),
    )
]


def apart(x):
    """Mean log-likelihood of bits under independent units, in nats."""
    mean = np.clip(np.mean(x, axis=0, dtype="float64"), 1e-3, 1 - 1e-3)
    return np.sum(mean * np.log(mean) + (1 - mean) * np.log(1 - mean))


def gain(rbm, x):
    """What the pseudo-likelihood at the end of `fit` is above `apart(x)`.

    For independent units both are the same. It costs no compilation.
    """
    return rbm.history.history["pseudo_log_likelihood"][-1] - apart(x)


def rise(rbm):
    """How much the pseudo-likelihood rose after the first epoch of `fit`."""
    values = rbm.history.history["pseudo_log_likelihood"]
    return values[-1] - values[0]


def validation_gain(rbm):
    """The gain of the log-likelihood that `LogLikelihood` measured last."""
    logs = rbm.history.history
    return (
        logs["val_log_likelihood"][-1] - logs["val_log_likelihood_baseline"][-1]
    )


# By page, what only models that have learned something satisfy, in the names
# that the page's blocks leave. A model that stays on the plateau where training
# begins has a gain of about 0.
LEARNED = {
    "README.md": "result.gain > 4",
    "docs/coming_from.md": "rbm.log_likelihood(x).gain > 4",
    "docs/developer/new_chain.md": "share > 0.5",
    "docs/developer/new_metric.md": "rbm.log_likelihood(x).gain > 1.5",
    "docs/developer/new_sampler.md": "log_likelihood.gain > 6",
    "docs/developer/new_unit_type.md": "log_likelihood.gain > 10",
    "docs/guides/anomalies.md": "area > 0.6 and found.mean() > 0.35",
    "docs/guides/dashboards.md": "validation_gain(rbm) > 2",
    "docs/guides/distributed.md": "gain(rbm, digits.train) > 3",
    "docs/guides/hyper_parameters.md": "gain(rbm, digits.train) > 2.5",
    "docs/guides/missing_values.md": "result.gain > 1",
    "docs/guides/models.md": "error < 0.1 and "
    "(model.classify(threes) == 3).mean() > 0.5",
    "docs/guides/outliers.md": "area > 0.85 and likelihood.gain > 1",
    "docs/guides/pretraining.md": "gain(network.rbms[0], x_train) > 4 and "
    "rise(network.rbms[1]) > 4 and "
    "((autoencoder(x_test) - x_test) ** 2).numpy().mean() "
    "< 0.6 * x_test.var(axis=0).mean() and result.gain > 2",
    "docs/guides/recommender.md": "errors['rmse'] < 0.8 * "
    "errors['baseline_rmse'] and int(best[0][0].split()[1]) % 3 == 1",
    "docs/guides/resume.md": "resumed.log_likelihood(patterns).gain > 4",
    "docs/guides/runs.md": "validation_gain(rbm) > 2",
    "docs/guides/sampling.md": "share > 0.5",
    "docs/guides/scikit_learn.md": "accuracy > 0.9 and result.gain > 2 and "
    "gaussian.model_.log_likelihood(standardized, num_betas=200).gain > 3",
    "docs/guides/sequences.md": "result.gain > 1 and hits[0] == 1",
    "docs/guides/serving.md": "gain(rbm, digits.train) > 2.5",
    "docs/guides/trust.md": "small.log_likelihood(v).gain > 2",
    "docs/guides/your_own_data.md": "learned.gain > 1",
    "docs/index.md": "result.gain > 4",
    "docs/tutorial.md": "result.gain > 6",
}


def blocks(page):
    return re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL)


def name(page):
    return str(page.relative_to(ROOT))


def hook(module):
    """A file of docs/hooks, which MkDocs loads by its path too."""
    path = DOCS / "hooks" / f"{module}.py"
    spec = importlib.util.spec_from_file_location(module, path)
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


def navigation(text):
    """The pages of `nav`, which is the last part of mkdocs.yml."""
    nav = text.split("\nnav:\n")[1]
    return re.findall(r"^ +- (?:.*: )?(\S+\.md)$", nav, re.MULTILINE)


@pytest.fixture
def forgotten():
    """What a page registers is not what other tests have of that name."""
    known = keras.saving.get_custom_objects()
    before = dict(known)
    yield
    known.clear()
    known.update(before)


def imported(tree):
    """What the import statements of a program bind, by name.

    Of this package alone; what is gone is an `ImportError`.
    """
    found = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            if node.module.partition(".")[0] != "keras_rbm":
                continue
            module = importlib.import_module(node.module)
            for alias in node.names:
                thing = getattr(module, alias.name, None)
                if thing is None:
                    path = f"{node.module}.{alias.name}"
                    thing = importlib.import_module(path)
                found[alias.asname or alias.name] = thing
        elif isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.partition(".")[0] == "keras_rbm":
                    importlib.import_module(alias.name)
                    found["keras_rbm"] = keras_rbm
    return found


def named(node, known):
    """What a dotted name stands for, or `None` where that is not known.

    Raises:
        AttributeError: If a module or a class has no such name.
    """
    if isinstance(node, ast.Name):
        return known.get(node.id)
    if not isinstance(node, ast.Attribute):
        return None
    owner = named(node.value, known)
    if inspect.ismodule(owner) or inspect.isclass(owner):
        return getattr(owner, node.attr)
    return None


def check_names(program):
    """Looks for the names of the package that a program has, and arguments.

    Raises:
        AttributeError, ImportError: If a name is gone.
        TypeError: If a function or a class does not take the arguments.
    """
    tree = ast.parse(program)
    known = imported(tree)
    # A name that the program has for a thing of its own, too, is not known.
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            known.pop(node.id, None)
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            named(node, known)
        if not isinstance(node, ast.Call):
            continue
        thing = named(node.func, known)
        starred = any(isinstance(x, ast.Starred) for x in node.args)
        if thing is None or starred or None in [k.arg for k in node.keywords]:
            continue
        inspect.signature(thing).bind(
            *node.args, **{k.arg: k.value for k in node.keywords}
        )


@pytest.mark.parametrize("page", [*filter(blocks, PAGES)], ids=name)
def test_the_names_and_arguments_of_a_page_are_there(page):
    check_names("\n".join(blocks(page)))


@pytest.mark.parametrize(
    ("program", "error"),
    [
        ("import keras_rbm\nkeras_rbm.RBN(4, 3)", AttributeError),
        ("from keras_rbm import gone", ImportError),
        ("import keras_rbm\nkeras_rbm.RBM(4)", TypeError),
        ("from keras_rbm import data\ndata.batches()", TypeError),
        ("from keras_rbm import data as d\nd.digits(classes=1)", TypeError),
        ("from keras_rbm import RBM\nRBM.from_presets('a')", AttributeError),
    ],
)
def test_names_and_arguments_that_are_gone_are_found(program, error):
    with pytest.raises(error):
        check_names(program)


def test_the_quick_pages_are_there():
    assert set(QUICK) <= {name(page) for page in PAGES if blocks(page)}


def run_blocks(page):
    """Runs the blocks of a page, and looks at what its models have learned."""
    names = {}
    for number, block in enumerate(blocks(page)):
        exec(compile(block, f"{page.name}, block {number}", "exec"), names)
    if name(page) in LEARNED:
        helpers = {
            "gain": gain,
            "rise": rise,
            "validation_gain": validation_gain,
        }
        assert eval(LEARNED[name(page)], names | helpers), LEARNED[name(page)]
    if page.name == "README.md":
        assert names["samples"].shape == (16, 64)


@pytest.fixture
def brief(monkeypatch):
    """`fit` makes a fifth of its default updates, annealing 500 steps."""
    monkeypatch.setattr(budget, "default_updates", lambda steps: 4000)
    annealed = functools.partialmethod(
        models.MachineModel.log_partition, num_betas=500
    )
    monkeypatch.setattr(models.MachineModel, "log_partition", annealed)


@pytest.mark.parametrize("page", [ROOT / page for page in QUICK], ids=name)
@pytest.mark.usefixtures("forgotten", "brief")
def test_the_blocks_of_a_page_run_briefly(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run_blocks(page)


@pytest.mark.slow
@pytest.mark.parametrize("page", [*filter(blocks, PAGES)], ids=name)
@pytest.mark.usefixtures("forgotten")
def test_the_blocks_of_a_page_run_one_after_the_other(
    page, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    run_blocks(page)


def test_each_page_that_trains_is_looked_at():
    trains = re.compile(r"\.fit\(|pretrain")
    found = {
        name(page) for page in PAGES if trains.search("".join(blocks(page)))
    }
    assert found == LEARNED.keys()


def run_example_of_rbm():
    _, example = inspect.getdoc(keras_rbm.RBM).split("Example:\n")
    names = {"keras_rbm": keras_rbm, "data": keras_rbm.data}
    exec(inspect.cleandoc(example), names)
    assert names["rbm"].log_likelihood(names["x"]).gain > 4


@pytest.mark.usefixtures("brief")
def test_the_example_of_a_docstring_learns_briefly():
    run_example_of_rbm()


@pytest.mark.slow
def test_the_example_of_a_docstring_learns():
    run_example_of_rbm()


def anchors(page):
    """The anchors of a page's headings, as Markdown names them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {
        re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-")
        for heading in headings
    }


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_lead_somewhere(page):
    links = re.findall(r"\]\(([^)#\s]*)#?([^)\s]*)\)", page.read_text())
    for target, anchor in links:
        if not target.startswith("http"):
            path = page.parent / target if target else page
            assert path.exists(), target
            # The names on pages of the API are anchors that MkDocs makes.
            named = anchor.startswith("keras_rbm.")
            if anchor and path.suffix == ".md" and not named:
                assert anchor in anchors(path), anchor


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_a_command_stands_by_each_picture(page):
    """A picture is made by the project, by a command that is shown.

    It stands in the section of the picture, or that has a link to where it is.
    """
    code = re.compile(r"^```.*?^```$", re.DOTALL | re.MULTILINE)
    text = code.sub("", page.read_text())
    for section in re.split(r"^(?=#+ )", text, flags=re.MULTILINE):
        for picture in re.findall(r"!\[[^]]*\]\([^)]+\.png\)", section):
            assert re.search(
                r"^ {4}python |\[How it is made\]\(", section, re.MULTILINE
            ), f"no command in the section of {picture}"


def test_the_pictures_are_all_shown():
    text = "".join(page.read_text() for page in PAGES)
    for picture in (DOCS / "images").iterdir():
        assert f"images/{picture.name})" in text, picture.name


def test_the_navigation_has_every_page():
    found = {
        str(page.relative_to(DOCS))
        for page in PAGES
        if page.is_relative_to(DOCS)
    }
    listed = navigation((ROOT / "mkdocs.yml").read_text())
    generated = set(hook("pages").OUTSIDE.values())
    reference = {page for page in found if page.startswith("api/")}
    assert sorted(listed) == sorted((found - reference) | generated)
    # The pages of the reference are listed by its overview.
    groups = {f"api/{group}.md" for group in hook("pages").groups()}
    assert reference == groups | {"api/index.md"}


def test_each_class_of_the_reference_has_a_page():
    pages = hook("pages")
    text = (
        "# Chains\n\nWhat keeps samples.\n\n"
        "::: keras_rbm.chains.PersistentChain\n\n"
        "::: keras_rbm.models.averaged_weights\n\n"
        "::: keras_rbm.models.RBM\n    options:\n      members: [fit]\n"
    )
    overview, found = pages.split("chains", text)
    assert "::: keras_rbm.models.averaged_weights" in overview
    assert "| [`RBM`](chains/RBM.md) | Restricted Boltzmann mach" in overview
    assert "PersistentChain\n" not in overview
    assert found["api/chains/RBM.md"] == (
        "::: keras_rbm.models.RBM\n    options:\n      members: [fit]\n"
        "      heading_level: 1\n",
        "../keras_rbm/models/rbm.py",
    )
    lines = pages.summary(
        found | {f"api/{group}.md": ("# A", "") for group in pages.groups()}
    ).splitlines()
    assert "    * [PersistentChain](chains/PersistentChain.md)" in lines


def test_links_of_the_site_lead_to_its_pages():
    pages = hook("pages")
    found = {
        "guides/runs.md": (
            "[a](../../README.md#b) [c](configs.md) ![d](../images/d.png) "
            "[e](../../benchmarks/README.md) [f](https://g.h)",
            "guides/runs.md",
        ),
        "guides/configs.md": ("", "guides/configs.md"),
        "benchmarks.md": (
            "[a](../docs/guides/runs.md)",
            "../benchmarks/README.md",
        ),
    }
    texts = pages.linked(found)
    assert texts["guides/runs.md"] == (
        "[a](../index.md#b) [c](configs.md) ![d](../images/d.png) "
        "[e](../benchmarks.md) [f](https://g.h)"
    )
    assert texts["benchmarks.md"] == "[a](guides/runs.md)"


@pytest.mark.parametrize("package", PUBLIC)
def test_the_reference_has_every_public_name(package):
    text = "".join(page.read_text() for page in (DOCS / "api").glob("*.md"))
    shown = re.findall(r"^::: (\S+)$", text, re.MULTILINE)
    things = [
        getattr(importlib.import_module(module), thing)
        for module, _, thing in (path.rpartition(".") for path in shown)
        if inspect.isclass(
            found := getattr(importlib.import_module(module), thing)
        )
        or inspect.isfunction(found)
    ]
    assert len(things) > 100
    for path in shown:  # Of a module MkDocs would show all that is in it.
        file = ROOT.joinpath(*path.split(".")).with_suffix(".py")
        assert not file.is_file() or path in BLOCKS, path
    for thing, value in vars(importlib.import_module(package)).items():
        if (
            not thing.startswith("_")
            and (inspect.isclass(value) or inspect.isfunction(value))
            and value.__module__.startswith("keras_rbm")
        ):
            assert any(value is known for known in things), thing


def test_the_source_in_pages_is_there():
    """A link that stands alone becomes the source of what it names."""
    source = hook("source")
    found = [
        (page, link.groups())
        for page in PAGES
        for link in source.LINK.finditer(page.read_text())
    ]
    assert len(found) > 20
    for page, (dotted, path) in found:
        whole = dotted.endswith(".gin")
        file, text = (source.whole if whole else source.lines)(dotted)
        assert (page.parent / path).resolve() == file
        assert text
        if not whole:
            assert f"def {dotted.rpartition('.')[2]}(" in text
            assert '"""' not in text
            compile(text, dotted, "exec")


def test_what_is_gone_from_the_source_is_an_error():
    source = hook("source")
    for dotted in ("keras_rbm.gibbs.gone", "keras_rbm.gone.sweep"):
        with pytest.raises(LookupError):
            source.lines(dotted)


def test_formulas_of_docstrings_are_set():
    formulas = hook("formulas")
    text = formulas.opened(
        "Mean F(v) = -log sum_h exp(-<v, W h>) ~ p^-1/2.\n\nMore."
    )
    assert text == (
        '<p class="formula">Mean <span class="arithmatex">'
        r"\(F(v) = -\log  \sum _{h} \exp (-\langle v, W h\rangle ) \propto  "
        r"p^{-1/2}\)</span>.</p>" + "\n\nMore."
    )
    assert formulas.opened("A block-Gibbs sweep, in `x_i < 1`.") == (
        "A block-Gibbs sweep, in `x_i < 1`."
    )
    assert formulas.opened("A.\n\nExample:\n    a = 1\n\n    b = 2\n") == (
        "A.\n\n**Example:**\n\n```python\na = 1\n\nb = 2\n```\n\n"
    )
    indented = 'A.\n\n    p(v) = 1\n\nB.\n\n    x = f("1")\n\nArgs:\n    v: C.'
    assert formulas.opened(indented) == (
        'A.\n\n<p class="formula"><span class="arithmatex">'
        r"\(p(v) = 1\)</span></p>" + '\n\nB.\n\n    x = f("1")\n\nArgs:\n'
        "    v: C."
    )
    assert formulas.opened('A.\n\nReference: B (1),\n    "C".') == (
        'A.\n\n**Reference:** B (1), "C".'
    )
    assert formulas.typeset("of log_partition: `a_b` < c") == (
        "of <code>log_partition</code>: <code>a_b</code> "
        r'<span class="arithmatex">\(&lt; c\)</span>'
    )


def test_the_page_names_every_file_of_an_update():
    """`docs/design.md` lists the files through which an update passes."""
    rbm = keras_rbm.RBM(3, 2, keras_rbm.PersistentChain(4), seed=0)
    rbm.compile(run_eagerly=True)
    x = np.eye(3, dtype="float32")
    rbm.fit(x, epochs=1, batch_size=3, verbose=0)
    passed = set()

    def note(frame, event, argument):
        passed.add(frame.f_code.co_filename)

    sys.setprofile(note)
    try:
        rbm.update_step(keras.ops.convert_to_tensor(x))
    finally:
        sys.setprofile(None)
    package = ROOT / "keras_rbm"
    passed = {
        pathlib.Path(name).relative_to(package).as_posix()
        for name in passed
        if pathlib.Path(name).is_relative_to(package)
    }
    assert len(passed) <= 18
    page = (DOCS / "design.md").read_text("utf-8")
    way = page.partition("A batch takes this way")[2]
    way = way.partition("A fantasy particle takes this way")[0]
    before, _, update = way.partition("\n2. ")
    assert "models/examples.py" in before
    named = set(re.findall(r"`([a-z_/]+\.py)`", update))
    of_fit = {"models/trainer.py", "optimizers.py"}
    assert passed == named | of_fit


def test_the_sampler_of_the_page_keeps_clear_of_the_numbers_in_use():
    text = (DOCS / "developer" / "new_sampler.md").read_text("utf-8")
    (number,) = re.findall(r"^JUMP = (\d+)$", text, re.M)
    assert 1000 <= int(number) < 2**32


@pytest.mark.slow
def test_the_site_is_built_without_a_warning(tmp_path):
    needed = ("mkdocs", "material", "mkdocstrings", "mkdocs_gen_files")
    for module in (*needed, "nbconvert", "mkdocs_literate_nav", "mike"):
        pytest.importorskip(module, reason="needs `make docs`")
    command = "-m mkdocs build --strict --quiet -d".split()
    subprocess.run(
        [sys.executable, *command, str(tmp_path)], cwd=ROOT, check=True
    )
    page = (tmp_path / "tutorial" / "index.html").read_text()
    assert "arithmatex" in page  # For KaTeX, which is in the site.
    assert (tmp_path / "javascripts" / "katex.min.js").is_file()
    assert len(list((tmp_path / "stylesheets" / "fonts").iterdir())) == 20
    assert "def <" not in page  # Highlighted, not as it is.
    assert "free_energy" in page
    for page in tmp_path.rglob("*.html"):
        # Nothing comes from another server.
        found = re.findall(
            r'(?:src|rel="(?!edit|canonical)\w+" href)="(https?:[^"]+)',
            page.read_text(),
        )
        assert not found, (page, found)
