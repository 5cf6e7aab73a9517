"""Free probability: spectra of sums, products and polynomials of large matrices in general position."""

__all__: list[str] = []
