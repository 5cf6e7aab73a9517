"""Every number of a layer: its head in a table, and what it means."""

from __future__ import annotations

GLOSSARY: dict[str, tuple[str, str]] = {
    "name": ("layer", "The name of the tensor in the file."),
    "kind": (
        "kind",
        "dense, conv (a convolution, made a matrix), embedding (a table), attention (queries, keys or values) "
        "or recurrent (a gate).",
    ),
    "shape": ("shape", "Rows x columns of the matrix."),
    "status": ("status", "ok, or what is special about the matrix."),
    "outliers": ("outliers", "Eigenvalues above the threshold: directions in which the layer has learnt something."),
    "edge_ratio": ("largest / edge", "The largest eigenvalue over the upper edge."),
    "bulk_ks": (
        "bulk KS",
        "The largest gap between the staircase of the other eigenvalues (all, where no bulk was found) and the "
        "Marchenko-Pastur law. Below 0.03 the bulk is as of noise.",
    ),
    "spacing_ratio": (
        "spacing ratio",
        "The mean of the smaller over the larger of two neighbouring gaps: 0.531 in the GOE, 0.386 if independent.",
    ),
    "spacing_ratio_stderr": ("± (ratio)", "The standard error of the mean spacing ratio."),
    "left_boundary": (
        "left vectors",
        "How many leading left singular vectors are not as random ones: where the mean p-value of neighbours comes up "
        "to 1/2. Only with vectors=True.",
    ),
    "right_boundary": ("right vectors", "The same of the right singular vectors."),
    "hill_xi": (
        "Hill xi",
        "The tail index of the eigenvalues: 0.14 to 0.19 for noise, which has no tail. A density that falls "
        "as x^-a has xi = 1 / (a - 1).",
    ),
    "hill_stderr": ("± (xi)", "The standard error of xi, if the tail is a power law."),
    "alpha": (
        "alpha",
        "The exponent of the power law that fits the largest eigenvalues best. It is the exponent of something only "
        "where the next column but two says so: noise has an alpha too, of 7 to 12.",
    ),
    "alpha_stderr": ("± (alpha)", "The standard error of alpha, if the tail is a power law."),
    "alpha_p": (
        "p (alpha)",
        "How often noise of the same shape has an alpha as small. Noise gives 0.05 or less in one layer of twenty.",
    ),
    "alpha_verdict": (
        "tail",
        "Whether the largest eigenvalues follow a power law: yes, no, not to be told from other laws, or no tail.",
    ),
    "stable_rank": (
        "stable rank",
        "The sum of the eigenvalues over the largest: how many directions share the weight.",
    ),
    "stable_rank_p": ("p (stable rank)", "How often noise of the same shape has a stable rank as small."),
    "entropy": ("entropy", "1 if all eigenvalues are equal, 0 if there is only one."),
    "entropy_p": ("p (entropy)", "How often noise of the same shape has an entropy as small."),
    "sigma": (
        "sigma",
        "The size of a typical entry of the noise in the matrix, from the bulk alone: spikes do not count.",
    ),
    "sigma_stderr": ("± sigma", "The standard error of sigma."),
    "lower_edge": ("lower edge", "Where the eigenvalues of noise with that sigma begin (of W^T W / N)."),
    "upper_edge": ("upper edge", "Where the eigenvalues of noise with that sigma end."),
    "largest_p_value": (
        "p of the largest",
        "How often noise of this size and sigma has an eigenvalue as large as the largest one.",
    ),
    "threshold": (
        "threshold",
        "The upper edge and a bit more: in 999 of 1000 noise matrices of this size no eigenvalue is larger "
        "(Tracy-Widom).",
    ),
    "aspect": (
        "aspect",
        "The smaller side over the larger one, M / N, between 0 and 1. It sets the shape of the noise law.",
    ),
    "rank": ("rank", "Singular values that are not zero up to rounding."),
    "zeros": (
        "zeros",
        "Singular values that are zero up to rounding of the stored entries; left out of all statistics.",
    ),
    "spectral_norm": ("spectral norm", "The largest singular value: the most that the layer stretches a vector."),
    "frobenius_norm": ("Frobenius norm", "The root of the sum of all squared entries."),
    "fit_rounds": ("rounds", "Rounds of setting outliers apart and fitting sigma again."),
    "fit_settled": ("settled", "Whether the number of outliers came to rest. If not, the bulk has no clear edge."),
    "fit_found": (
        "bulk found",
        "No where more than half of the eigenvalues would be outliers; sigma is the median's then.",
    ),
    "entry_sigma": ("entry sigma", "The root of the mean squared entry, learnt directions included."),
    "entry_outliers": ("outliers (entries)", "Eigenvalues above the edge that noise with the entry sigma would have."),
    "entry_edge_ratio": ("largest / edge (entries)", "The largest eigenvalue over that edge."),
    "spacing_count": ("spacings", "Gaps between neighbouring levels of the bulk, without its ends."),
    "mean_spacing": ("mean spacing", "Of the unfolded levels; close to 1 if the unfolding did its work."),
    "spacing_variance": (
        "spacing variance",
        "Of the unfolded spacings: 0.286 if levels repel as in the GOE, 1 if independent.",
    ),
    "spacing_ks": (
        "spacing KS",
        "The largest gap between the spacings' distribution and the Wigner surmise. Neighbouring spacings "
        "depend on each other, and usual p-values would be too good: spacing p is calibrated.",
    ),
    "spacing_p": (
        "spacing p",
        "How often noise of the same shape, unfolded alike, has spacings as far from the exact law. Only with "
        "spacing_trials.",
    ),
    "spacing_ratio_p": (
        "ratio p",
        "How often noise of the same shape has a mean spacing ratio as far off, on either side. Only with "
        "spacing_trials.",
    ),
    "left_localization": (
        "left localization",
        "Whether left singular vectors sit on few rows: 1 if each is one row, about 2 / (l + 1) if each is on l rows, "
        "2 / (n + 2) for noise with n rows.",
    ),
    "right_localization": ("right localization", "The same of right singular vectors and columns."),
    "hill_k": ("Hill k", "How many of the largest eigenvalues the tail index is taken from: a tenth."),
    "alpha_xmin": ("alpha: from", "Where the tail begins that alpha was fitted to (of W^T W, not divided by N)."),
    "alpha_n_tail": ("alpha: values", "Eigenvalues in that tail."),
    "alpha_ks": ("alpha: KS", "The largest distance of the tail from its power law."),
    "alpha_weighted": ("alpha weighted", "alpha times log10 of the largest eigenvalue of W^T W."),
    "alpha_weighted_stderr": ("± (alpha weighted)", "Its standard error, from that of alpha."),
    "alpha_weighted_p": ("p (alpha weighted)", "How often noise of the same shape and norm is as far off."),
    "log_norm": ("log norm", "log10 of the sum of the squared entries."),
    "log_norm_stderr": ("± (log norm)", "Its standard error, for independent entries."),
    "log_spectral_norm": ("log spectral norm", "log10 of the largest eigenvalue of W^T W."),
    "log_spectral_norm_p": ("p (spectral norm)", "How often noise of the same shape and norm has as large a one."),
    "log_alpha_norm": ("log alpha norm", "log10 of the sum of the eigenvalues' powers alpha."),
    "log_alpha_norm_p": ("p (log alpha norm)", "How often noise of the same shape and norm is as far off."),
    "mp_softrank": ("MP softrank", "The upper edge of the bulk over the largest eigenvalue: 1 or so for noise."),
    "mp_softrank_p": ("p (MP softrank)", "How often noise of the same shape has as small a one."),
    "detX": (
        "detX",
        "How many of the largest eigenvalues it takes until their product falls below 1, the mean of all scaled to 1.",
    ),
    "detX_p": ("p (detX)", "How often noise of the same shape is as far off."),
    "rand_distance": (
        "rand distance",
        "Between the spectra of the matrix and of copies with their entries permuted (Jensen-Shannon).",
    ),
    "rand_distance_stderr": ("± (rand distance)", "Its standard error, from the copies."),
    "rand_distance_p": ("p (rand distance)", "How often a copy is as far from the others as the matrix is."),
    "num_rand_spikes": (
        "rand spikes",
        "Eigenvalues of the permuted copies above their bulk: entries so large that they stand out wherever they are.",
    ),
    "num_rand_spikes_stderr": ("± (rand spikes)", "Its standard error, from the copies."),
    "num_rand_spikes_p": ("p (rand spikes)", "How often Gaussian noise has as many."),
    "ww_softrank": ("ww softrank", "The largest eigenvalue of the permuted copies over that of the matrix."),
    "ww_softrank_stderr": ("± (ww softrank)", "Its standard error, from the copies."),
    "ww_softrank_p": ("p (ww softrank)", "How often a copy has as large an eigenvalue as the matrix."),
    "dtype": ("dtype", "How the entries are stored. Arithmetic is in double precision."),
}
"""In the order of the table. `verdict`, `note`, `source`, `estimate` and the tensor's shape stand beside a layer."""
