"""Pages: well-formed, self-contained, safe against hostile names."""

import re
import sys
from html.parser import HTMLParser

import numpy as np
import pytest

from deeprmt import report
from deeprmt.weights import Analysis, Layer, Skipped, analyze

pytest.importorskip("matplotlib")

HOSTILE = '"><script>alert(1)</script><img src=x onerror=alert(2)> \x1b[31m\u202e& $x$ \ud800'
VOID = {"meta", "img", "br", "input", "link", "hr"}


class Page(HTMLParser):
    """Checks that tags nest, and collects tags, attributes and text."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.open, self.tags, self.words = [], [], []
        self.feed(text)
        self.close()
        assert not self.open, f"not closed: {self.open}"

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)

    def values(self, *names):
        return [value for _, attributes in self.tags for name, value in attributes.items() if name in names]


@pytest.fixture(scope="module")
def analysis():
    noise = np.random.default_rng(0).normal(size=(90, 70))
    layers = [
        Layer("fc.weight", "dense", noise),
        Layer(HOSTILE, "dense", noise.T, source=HOSTILE),
        Layer("nan", "dense", noise * np.nan),
        Layer("small", "conv", noise[:5], shape=(5, 7, 10)),
        Layer("tiny", "dense", noise[:20]),
    ]
    found = analyze(layers)
    skipped = [
        Skipped(HOSTILE, (3,), HOSTILE, HOSTILE, HOSTILE),
        Skipped("bias", (3,), "float32", "a vector", "net.npz", expected=True),
    ]
    return Analysis(found.rows, skipped)


@pytest.fixture(scope="module")
def text(analysis):
    return analysis.to_html()


@pytest.fixture(scope="module")
def page(text):
    return Page(text)


def test_the_page_stands_alone(text, page):
    assert text.startswith("<!DOCTYPE html>")
    for value in page.values("src", "href", "xlink:href", "srcset", "action", "data"):
        assert value.startswith("#"), value
    assert not re.search(r"@import|url\((?!#)|fetch\(|XMLHttp|https?://", text)
    assert "link" not in [tag for tag, _ in page.tags]


def test_links_and_identifiers_within_the_page(page):
    names = page.values("id")
    assert len(names) == len(set(names))
    targets = {value[1:] for value in page.values("href")}
    references = {each for value in page.values("clip-path") for each in re.findall(r"url\(#(.*?)\)", value)}
    assert targets | references <= set(names)
    assert {f"layer-{i}" for i in range(5)} <= targets


def test_hostile_names_are_text(text, page):
    assert [tag for tag, _ in page.tags].count("script") == 1  # the page's own
    assert "img" not in [tag for tag, _ in page.tags]
    assert not any(name.startswith("on") for _, attributes in page.tags for name in attributes)
    assert not re.search("[\x00-\x08\x0b-\x1f\u202e\ud800]", text)
    assert any("<script>alert(1)</script>" in words and r"\x1b[31m\u202e" in words for words in page.words)
    text.encode()


def test_every_layer_has_its_section_verdict_and_figure(analysis, page):
    everything = " ".join(page.words)
    for row in analysis.rows:
        verdict = report.printable(row.verdict)
        assert verdict[1:] in everything
    figures = [attributes["aria-label"] for tag, attributes in page.tags if tag == "figure"]
    assert len(figures) == 4  # the heat map; of the five layers one has no levels and one has too few
    assert figures[1] == f"fc.weight: {analysis.rows[0].verdict}"
    assert "bad layers" in everything
    assert "stored as 5 x 7 x 10" in everything


def test_every_number_is_explained(analysis, page):
    heads = [attributes for tag, attributes in page.tags if tag == "th"]
    assert all(head["title"] for head in heads)
    shown = {name for name, value in analysis.rows[0].to_dict().items() if not isinstance(value, str)}
    from deeprmt.report._glossary import GLOSSARY

    assert shown - {"stored_shape", "window", "estimate"} <= set(GLOSSARY)  # those stand beside a layer
    values = {float(value) for value in page.values("data-value")}
    row = analysis.rows[0]
    assert {row.sigma, row.bulk_ks, row.spacing_ratio, row.hill_xi, row.stable_rank, row.entropy} <= values


def test_figures_are_for_readers_of_either_background(text):
    svg = re.findall(r"<svg.*?</svg>", text, re.DOTALL)
    assert svg
    for each in svg:
        assert "currentColor" in each
        assert "#000000" not in each
        assert "#ffffff" not in each
        assert len(each) < 60_000
    assert "prefers-color-scheme: dark" in text


def test_long_models_have_a_limit_of_figures(analysis, monkeypatch):
    monkeypatch.setattr("deeprmt.report._analysis.MOST_FIGURES", 1)
    text = analysis.to_html()
    assert text.count("<svg") == 1
    assert "Figures are drawn for the first 1 of 5 layers" in text
    Page(text)


def test_nothing_to_show():
    Page(Analysis([], []).to_html())


def test_blocks_combine(analysis):
    a, b = (report.analysis_sections(analysis, key) for key in ("one", "two"))
    text = report.page("Two <analyses>", a + b)
    names = Page(text).values("id")
    assert len(names) == len(set(names))
    assert "<title>Two &lt;analyses&gt;</title>" in text


def test_writing_returns_what_it_wrote(analysis, tmp_path):
    assert analysis.to_html(tmp_path / "a.html") == (tmp_path / "a.html").read_text(encoding="utf-8")
    assert [each.name for each in tmp_path.iterdir()] == ["a.html"]


def test_the_same_analysis_gives_the_same_page(analysis, text):
    assert analysis.to_html() == text


def test_without_matplotlib_the_error_says_what_to_install(analysis, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r'pip install "deeprmt\[plot\]"'):
        analysis.to_html()


def test_plots(analysis):
    from matplotlib import pyplot

    from deeprmt.plots import layers

    ax = analysis.plot()
    assert layers(analysis, ax=ax) is ax
    drawing = analysis.rows[0].plot()
    titles = [each.get_title(loc="left") for each in drawing.axes]
    assert titles[1:] == ["spacings", "Hill estimate of xi", "number variance"]
    small = analysis.rows[3].plot()
    assert small.axes[1].texts[0].get_text() == "too few levels"
    pyplot.close("all")


def test_every_figure_of_a_layer_goes_onto_given_axes():
    from matplotlib import pyplot

    from deeprmt import plots

    noise = np.random.default_rng(0).normal(size=(90, 70))
    (row,) = analyze(noise, vectors=True, samples=0).rows
    drawn = [plots.spectrum, plots.spacing, plots.number_variance, plots.hill, plots.plateau, plots.porter_thomas]
    for each in drawn:
        ax = pyplot.subplots()[1]
        assert each(row, ax=ax) is ax
        assert ax.get_xlabel()
        assert ax.get_ylabel()
    side = plots.porter_thomas(row, side="right").lines[0].get_ydata()
    assert np.array_equal(side, row.right_vectors.p_values)
    assert len(row.plot().axes) == 5
    (small,) = analyze(noise[:5], samples=0).rows
    for each in drawn[1:]:
        with pytest.raises(ValueError, match=each.__name__):
            each(small)
    with pytest.raises(ValueError, match="side must be one of"):
        plots.porter_thomas(row, side="both")
    pyplot.close("all")


def test_the_heat_map_of_all_layers(analysis):
    from matplotlib import pyplot

    from deeprmt import plots

    ax = plots.overview(analysis)
    assert len(ax.get_yticklabels()) == 3  # those with a law
    heads = [each.get_text() for each in ax.get_xticklabels()]
    assert heads[0] == "outliers"
    assert "left\nvectors" not in heads  # no layer has that number
    with pytest.raises(ValueError, match="at least one layer"):
        plots.overview(Analysis([], []))
    pyplot.close("all")


def test_a_layer_without_a_name():
    analysis = analyze({"": np.random.default_rng(0).normal(size=(60, 50))})
    text = analysis.to_html()
    assert ">(no name)</a>" in text
    assert "<h3>(no name) <small>" in text
