"""How much memory a gradient takes."""

from __future__ import annotations

from ..checks import check_integer
from ..parallel import wanted_threads
from .compiled import CompiledNetwork


def estimate_memory(net: CompiledNetwork, n_samples: int) -> int:
    r"""Return the scratch memory of one gradient in bytes, at the present number of threads.

    Parameters, samples and the gradient itself are not counted.  The samples pass through the
    network in chunks of :math:`c` (8 to 16 vector registers of them), each thread having one chunk
    at a time, so that the memory does not grow with the batch: with :math:`s` bytes for a number,
    :math:`p` threads and :math:`P` parameters it is about

    .. math::

        p \, \left( \min(v c s K, t)
        + \frac{(v c s)^2 K}{512\,\mathrm{KiB}} + 3 v c s \right) + (p + 1) P s .

    The first term holds the states of the last layers, at most :math:`t`: 9 MiB for one thread, and
    12 MiB shared by several, but not less than 512 KiB.  The second holds the checkpoints from
    which all earlier states are computed again, the last one partial gradients, which make the sum
    independent of the number of threads.  For activations other than relu the first term also
    holds slopes, for schemes of several stages the inputs of all of them, and for blocks of hidden
    features those as well.  A state defect is not counted: n v K numbers.

    Parameters
    ----------
    net : ResNet or Network
        The network.
    n_samples : int
        Samples of the batch.

    Returns
    -------
    int
        Bytes: exactly what an objective holds after its first gradient.

    Raises
    ------
    ValueError
        If `n_samples` is no integer from 1.

    Examples
    --------
    >>> net = ResNet(n_inputs=784, width=10, n_outputs=10, depth=2048)
    >>> estimate_memory(net, 60_000) < 100e6
    True
    """
    n = check_integer("n_samples", n_samples, most=2**63 - 1)
    return net.evaluator().gradient_bytes(n, wanted_threads())
