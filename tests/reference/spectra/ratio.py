def spacing_ratio(levels):
    """One row of levels; plain Python floats."""
    ratios = []
    for low, middle, high in zip(levels, levels[1:], levels[2:], strict=False):
        a, b = middle - low, high - middle
        ratios.append(min(a, b) / max(a, b) if max(a, b) > 0 else float("nan"))
    return ratios
