"""Momentum descent in plain loops over samples and entries, with Python's numbers."""

import math


def forward(weights, biases, phi, x):
    signals, heights = [list(x)], []
    for layer, (w, b) in enumerate(zip(weights, biases, strict=True), start=1):
        h = [sum(w[i][j] * signals[-1][j] for j in range(len(signals[-1]))) + b[i] for i in range(len(b))]
        heights.append(h)
        signals.append(h if layer == len(weights) else [phi(value) for value in h])
    return signals, heights


def gradients(weights, biases, phi, dphi, samples, loss, scale=1.0, start=None, decay=0.0):
    """Of the mean loss over (x, y) pairs, over scale^2; y is a label or a list of values; start: where f is centred."""
    dw = [[[decay * value for value in row] for row in w] for w in weights]
    db = [[0.0] * len(b) for b in biases]
    total = 0.0
    for x, y in samples:
        signals, heights = forward(weights, biases, phi, x)
        f = heights[-1]
        if start is not None:
            before = forward(*start, phi, x)[1][-1]
            f = [a - b for a, b in zip(f, before, strict=True)]
        out = [scale * value for value in f]
        if loss == "squared":
            slope = [a - b for a, b in zip(out, y, strict=True)]
            total += sum(value**2 for value in slope) / 2
        else:
            norm = sum(math.exp(value) for value in out)
            slope = [math.exp(value) / norm - (i == y) for i, value in enumerate(out)]
            total += math.log(norm) - out[y]
        delta = [value / scale / len(samples) for value in slope]
        for layer in range(len(weights) - 1, -1, -1):
            for i, d in enumerate(delta):
                db[layer][i] += d
                for j, signal in enumerate(signals[layer]):
                    dw[layer][i][j] += d * signal
            if layer:
                back = [
                    sum(weights[layer][i][j] * delta[i] for i in range(len(delta))) for j in range(len(signals[layer]))
                ]
                delta = [value * dphi(h) for value, h in zip(back, heights[layer - 1], strict=True)]
    return total / len(samples) / scale**2, dw, db


def train(weights, biases, phi, dphi, batches, loss, rate, momentum, scale=1.0, center=False, decay=0.0):
    """One step a batch; changes nothing that it is given."""
    start = (weights, biases) if center else None
    weights = [[list(row) for row in w] for w in weights]
    biases = [list(b) for b in biases]
    vw = [[[0.0] * len(row) for row in w] for w in weights]
    vb = [[0.0] * len(b) for b in biases]
    for batch in batches:
        _, dw, db = gradients(weights, biases, phi, dphi, batch, loss, scale, start, decay)
        for layer in range(len(weights)):
            for i in range(len(biases[layer])):
                vb[layer][i] = momentum * vb[layer][i] - rate * db[layer][i]
                biases[layer][i] += vb[layer][i]
                for j in range(len(weights[layer][i])):
                    vw[layer][i][j] = momentum * vw[layer][i][j] - rate * dw[layer][i][j]
                    weights[layer][i][j] += vw[layer][i][j]
    return weights, biases


def adam(weights, biases, phi, dphi, batches, loss, rate, betas, epsilon):
    """One step of Adam a batch; changes nothing that it is given."""
    weights = [[list(row) for row in w] for w in weights]
    biases = [list(b) for b in biases]
    first = [{} for _ in weights]
    second = [{} for _ in weights]
    for t, batch in enumerate(batches, start=1):
        _, dw, db = gradients(weights, biases, phi, dphi, batch, loss)
        for layer in range(len(weights)):
            rows = [(biases[layer], db[layer]), *zip(weights[layer], dw[layer], strict=True)]
            for i, (row, slopes) in enumerate(rows):
                for j, slope in enumerate(slopes):
                    m = betas[0] * first[layer].get((i, j), 0.0) + (1 - betas[0]) * slope
                    v = betas[1] * second[layer].get((i, j), 0.0) + (1 - betas[1]) * slope**2
                    first[layer][i, j], second[layer][i, j] = m, v
                    row[j] -= rate * m / (1 - betas[0] ** t) / (math.sqrt(v / (1 - betas[1] ** t)) + epsilon)
    return weights, biases
