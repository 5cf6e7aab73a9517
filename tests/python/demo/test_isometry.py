import json
import subprocess
import sys
from html.parser import HTMLParser

import numpy as np
import pytest

from deeprmt import demo


@pytest.mark.parametrize("activation", ["tanh", "hard_tanh"])
def test_networks_approach_their_law(activation):
    mlp = demo.critical_network(activation, width=200)
    result = demo.compare(mlp, trials=20, rng=1)
    assert result.eigenvalues.shape == (20, 200)
    # tr D^2 of each network fluctuates like N^{-1/2}: pooled over T networks the distance is of the order (N T)^{-1/2}
    # times the slope of the law, plus O(1/N). Five times the first, which is 0.016, bounds it.
    assert result.ks < 5 / np.sqrt(200 * 20)
    assert abs(result.eigenvalues.mean() - result.law.mean()) < 5 * result.eigenvalues.mean(axis=1).std() / np.sqrt(20)
    # ... and another law is told apart.
    other = demo.compare(demo.critical_network(activation, width=200, q_star=0.8), trials=1).law
    assert other.ks_distance(result.eigenvalues) > 2 * result.ks
    facts = result.to_dict()
    assert json.loads(json.dumps(facts)) == facts
    assert facts["networks"] == 20


class Links(HTMLParser):
    def __init__(self):
        super().__init__()
        self.outside = []

    def handle_starttag(self, tag, attrs):
        self.outside += [v for k, v in attrs if k in ("src", "href") and not v.startswith(("#", "data:"))]


def test_the_command(tmp_path):
    pytest.importorskip("matplotlib")
    page, numbers, picture = tmp_path / "page.html", tmp_path / "numbers.json", tmp_path / "picture.png"
    command = [sys.executable, "-m", "deeprmt.cli", "demo", "--width", "60", "--trials", "3"]
    command += ["--html", str(page), "--json", str(numbers), "--figure", str(picture)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("KS distance") == 2
    assert "weight_1" in done.stdout
    assert done.stderr == ""
    facts = json.loads(numbers.read_text())
    assert [each["activation"] for each in facts["jacobians"]] == ["tanh", "hard_tanh"]
    assert facts["analysis"]["rows"][0]["name"] == "weight_1"
    text = page.read_text(encoding="utf-8")
    assert text.count("<svg") >= 3
    links = Links()
    links.feed(text)
    assert links.outside == []
    assert picture.read_bytes()[:4] == b"\x89PNG"
