"""What is printed at the end of a run, and for scores."""

from __future__ import annotations

from typing import Any

from ..runs import RunFolder, plots
from ..runs.folder import MODEL
from ..runs.run import Outcome
from ..runs.scaling import Scaling
from ..runs.scores import Scores

REASONS = {
    "accuracy": "reached the accuracy that was wanted",
    "loss": "reached the loss that was wanted",
    "stalled": "the loss no longer fell",
    "cycles": "--max-cycles was reached; --resume with a larger one goes on",
    "work_units": "--max-work-units was reached; --resume with a larger one goes on",
    "seconds": "--max-minutes was reached; --resume with a larger one goes on",
    "divergence": "training diverged; the model is the best from before that",
    "interrupted": "interrupted; the model is the best of the complete cycles",
}


def told(outcome: Outcome, folder: RunFolder) -> str:
    """Return the summary of a run, a few lines."""
    summary = outcome.summary
    lines = [
        f"{summary['cycles']} cycles, {summary['work_units']:.4g} work units, "
        f"{summary['seconds']:.1f} s: {REASONS[summary['stopped']]}"
    ]
    for part, scores in summary["scores"].items():
        said = ", ".join(f"{name} {value:.4g}" for name, value in scores.items())
        lines.append(f"{part}: {summary['rows'][part]} rows, {said}")
    if outcome.model == folder.model:
        names = [MODEL, *(outcome.plots or ())]
        lines.append(f"written to {folder.path}: {', '.join(names)}")
    elif outcome.model is not None:
        lines.append(f"the model is in {outcome.model}")
    else:
        lines.append("the model is nowhere")
    if outcome.plots is None:
        lines.append(plots.SKIPPED)
    return "\n".join(lines)


def scores_table(scores: Scores, scaling: Scaling) -> str:
    """Return scores as lines, with the confusion matrix of a few classes."""
    lines = [f"rows      {scores.rows}"]
    lines += [f"{name:9} {value:.6g}" for name, value in scores.plain().items()]
    if scores.confusion:
        labels = [str(label) for label in scaling.classes]
        width = max(5, *(len(label) for label in labels))
        lines.append(
            f"confusion (a row: the true class; a column: the predicted one) of {scaling.target}"
        )
        lines.append(" " * width + "".join(f" {label:>{width}}" for label in labels))
        for label, row in zip(labels, scores.confusion, strict=True):
            lines.append(f"{label:>{width}}" + "".join(f" {n:>{width}}" for n in row))
    return "\n".join(lines)


def scores_json(scores: Scores, scaling: Scaling) -> dict[str, Any]:
    """Return scores ready for JSON."""
    said = {"task": scaling.task, "rows": scores.rows, **scores.plain()}
    if scores.confusion:
        said |= {"classes": list(scaling.classes), "confusion": [*map(list, scores.confusion)]}
    return said
