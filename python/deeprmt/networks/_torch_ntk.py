"""The tangent kernel of a torch module, by torch.func, some inputs at a time."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._arguments import Floats, as_choice, as_count, refuse_non_finite
from ._tangent_kernel import Outputs


def torch_ntk(module: Any, x: Any, y: Any = None, *, outputs: Outputs = "trace", memory: int = 2**28) -> Floats:
    """The neural tangent kernel of a torch module: of any architecture, trained by its parameters as they stand.

    Parameters
    ----------
    module : torch.nn.Module
        Maps (n, ...) inputs to (n, n_L) or (n,) outputs, each input by itself. Put it into the mode that is wanted;
        parameters without `requires_grad` do not count.
    x, y : torch.Tensor or array_like
        Inputs (n, ...), and others (m, ...). Default for y: x. Tensors of whole numbers go in as they are, for
        embeddings; all else in the type of the parameters.
    outputs : {"trace", "diagonal", "full"}
        As in `Network.ntk`.
    memory : int
        Bytes that derivatives by all parameters may take at once: as many inputs are taken at a time, at least one.

    Returns
    -------
    (n, m), (n, m, n_L) or (n, m, n_L, n_L) ndarray
        In the type of the module's parameters; float32 for bfloat16, which NumPy does not know.

    Raises
    ------
    ImportError
        If torch is missing.
    TypeError, ValueError
        If module is none, or its outputs have another shape; if it draws at random, as dropout does in training; if the
        kernel is not finite.

    Notes
    -----
    Of a network of dense layers `Network.ntk` is faster by far, because it needs no derivatives by weights.

    Examples
    --------
    >>> import torch
    >>> linear = torch.nn.Linear(2, 1)
    >>> torch_ntk(linear, [[1.0, 2.0], [3.0, 0.0]])  # x.y + 1
    array([[ 6.,  4.],
           [ 4., 10.]], dtype=float32)
    """
    name = "torch_ntk"
    try:
        import torch
        from torch.func import functional_call, jacrev, vmap
    except ImportError as error:
        raise ImportError(f"{name} needs torch: pip install torch") from error
    as_choice(name, "outputs", outputs, ("trace", "diagonal", "full"))
    room = as_count(name, "memory", memory)
    if not isinstance(module, torch.nn.Module):
        raise TypeError(f"{name}: module must be a torch.nn.Module, got {type(module).__name__}")
    trained = {key: p.detach() for key, p in module.named_parameters() if p.requires_grad}
    rest = {key: p.detach() for key, p in module.named_parameters() if not p.requires_grad} | dict(
        module.named_buffers()
    )
    if not trained:
        raise ValueError(f"{name}: module must have parameters with requires_grad, found none")
    like = next(iter(trained.values()))

    def tensor(argument: str, value: Any) -> Any:
        whole = isinstance(value, torch.Tensor) and not (value.is_floating_point() or value.is_complex())
        rows = torch.as_tensor(value).to(dtype=value.dtype if whole else like.dtype, device=like.device)
        if rows.ndim < 2 or not len(rows):
            raise ValueError(f"{name}: {argument} must have shape (n, ...), got {tuple(rows.shape)}")
        return rows

    def one(parameters: Any, row: Any) -> Any:
        out = functional_call(module, (parameters, rest), (row[None],))
        if out.ndim not in (1, 2) or len(out) != 1:
            raise ValueError(f"{name}: module must map (1, ...) to (1, n_L) or (1,), got {tuple(out.shape)}")
        return out.reshape(-1)

    left = tensor("x", x)
    right = left if y is None else tensor("y", y)
    with torch.no_grad():
        last = len(one(trained, left[0]))
    size = sum(p.numel() for p in trained.values()) * last * like.element_size()
    step = max(1, room // (2 * size))

    def derivatives(rows: Any) -> list[Any]:
        try:
            found = vmap(jacrev(one), (None, 0))(trained, rows)
        except RuntimeError as error:
            if "random operation" not in str(error):
                raise
            raise ValueError(f"{name}: module must not draw at random: call module.eval() first") from error
        return [each.reshape(len(rows), last, -1) for each in found.values()]

    words = {"trace": "iop,jop->ij", "diagonal": "iop,jop->ijo", "full": "iop,jqp->ijoq"}[outputs]
    shape = (len(left), len(right), *{"trace": (), "diagonal": (last,), "full": (last, last)}[outputs])
    kept = torch.float32 if like.dtype == torch.bfloat16 else like.dtype
    out = np.empty(shape, torch.empty(0, dtype=kept).numpy().dtype)
    for i in range(0, len(left), step):
        a = derivatives(left[i : i + step])
        for j in range(0, len(right), step):
            if right is left and j < i:  # the transpose of a block that is there
                block = out[j : j + step, i : i + step].swapaxes(0, 1)
                out[i : i + step, j : j + step] = block.swapaxes(2, 3) if outputs == "full" else block
                continue
            b = a if right is left and j == i else derivatives(right[j : j + step])
            tile = sum(torch.einsum(words, p, q) for p, q in zip(a, b, strict=True))
            tile = tile / last if outputs == "trace" else tile
            out[i : i + step, j : j + step] = tile.detach().to(kept).cpu().numpy()
    refuse_non_finite(name, "the kernel", out)
    return out
