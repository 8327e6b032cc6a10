"""The tables of a config: how a run uses carriers, their own pulses, and a teacher."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from training.synthetic.parameters import Law, laws, parse_law
from training.synthetic.skin_pulses import PREFIX, StepPulse

CHOICES = {
    "network": ("student", "teacher"),
    "input": ("normalized", "difference"),
    "activation": ("tanh", "relu"),
    "pooling": ("average", "max"),
    "precision": ("float32", "bfloat16"),
    "orientation": ("literal", "target"),
    "features": ("plain", "standard"),
    "distance": ("norm", "mean square", "cosine"),
    "maps": ("pooled", "full"),
    "people": ("fit", "all"),
    "normalisation": ("batch", "fixed"),
}
"""Allowed values of the fields that are names."""


def check_choices(values: Any) -> None:
    """Raise ValueError if a field of a config or of a table has a name that is not allowed."""
    for name, choices in CHOICES.items():
        value = getattr(values, name, choices[0])
        if value not in choices:
            raise ValueError(f"{name} must be one of {', '.join(choices)}, not {value!r}")


@dataclass(frozen=True)
class Distillation:
    """How a student learns from a teacher: equation 4 of the paper, and what it leaves open.

    Attributes
    ----------
    task, middle, last : float
        Weights of L_S, L_dist1 and L_dist2; the paper has 1 for each.
    output : float
        Weight of the mean squared difference of student's and teacher's outputs; not in the paper.
    orientation : str
        Of equation 2: "literal", as printed, or "target", where each position of the teacher's
        map gathers those of the student's that are like it (Lin et al., 2022).
    features : str
        "plain", or "standard": each channel of a map, teacher's and student's, with zero mean and
        unit deviation over the batch.
    temperature : float
        Divides the logits of equation 2.
    projection : bool
        Whether a learned linear layer is applied to the student's maps first; it is then dropped.
    distance : str
        Of equation 3: "norm", the Euclidean norm over a map, its "mean square", or "cosine", 1 less
        the mean cosine between the channels of both maps at each position.
    maps : str
        Feature maps "pooled", or "full" as they are before pooling.
    entropy : float
        If above 0, ``temperature`` is not used: a temperature is fitted to each batch so that the
        mean entropy of the weights of equation 2 is this share of that of equal weights.
    balance : float
        If above 0, each map term is multiplied so that its gradient at the student's map has this
        share of the norm of the task's gradient there.
    begin : float
        Share of the steps after which maps are compared; before, their terms are 0.
    """

    task: float
    middle: float
    last: float
    output: float
    orientation: str
    features: str
    temperature: float
    projection: bool
    distance: str
    maps: str
    entropy: float = 0.0
    balance: float = 0.0
    begin: float = 0.0

    def __post_init__(self) -> None:
        """Check the values; raise ValueError if one is invalid."""
        check_choices(self)
        for name in ("entropy", "begin"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"{name} lies from 0 to below 1, not {getattr(self, name)}")
        for name in ("task", "middle", "last", "output", "balance"):
            if not getattr(self, name) >= 0:
                raise ValueError(f"{name} must not be negative, not {getattr(self, name)}")
        if not self.temperature > 0:
            raise ValueError(f"temperature must be above 0, not {self.temperature}")
        if not self.task + self.output > 0:
            raise ValueError("task and output must not both be 0: nothing would say what to learn")


@dataclass(frozen=True)
class Carried:
    """How carriers (real faces with a pulse put in) are mixed with clips.

    Attributes
    ----------
    share : float
        Of every batch, of carriers' steps; the rest are clips'.
    people : str
        "fit" leaves out the people by whom settings are chosen, "all" does not; see
        ``training.data.catalogue.chosen_by_people``.
    pulse : dict of str to str
        Laws in the place of those of ``training.synthetic.skin_pulses.StepPulse``, by name, as
        ``training.synthetic.parameters.parse_law`` reads them.
    """

    share: float
    people: str
    pulse: dict  # type: ignore[type-arg]  # of str to str; looked up at run time

    def __post_init__(self) -> None:
        """Refuse values that no run can have."""
        check_choices(self)
        if not 0 < self.share < 1:
            raise ValueError(f"share lies between 0 and 1, not {self.share}")
        self.laws()

    def laws(self) -> dict[str, Law]:
        """Return the laws by full name.

        Raises
        ------
        ValueError
            If one cannot be read, or there is no such ingredient.
        """
        known = laws(StepPulse, PREFIX)
        found = {}
        for name, text in self.pulse.items():
            full = f"{PREFIX}.{name}"
            if full not in known:
                names = ", ".join(one.partition(".")[2] for one in known)
                raise ValueError(f"pulse: unknown ingredient {name!r} (known: {names})")
            try:
                found[full] = parse_law(known[full], str(text))
            except ValueError as error:
                raise ValueError(f"pulse: {name}: {error}") from None
        return found


@dataclass(frozen=True)
class Own:
    """How a network learns from carriers as they are, by the pulse that their people may have.

    Attributes
    ----------
    runs, run : int
        Runs beside each batch, and frame steps of each.
    agreement : float
        Weight of 1 less the correlation with the output of the bundled teacher, in runs where the
        rates of teacher, POS and CHROM agree.
    sparse : float
        Weight of the terms that need no label: power outside the heart's band, power beside the
        highest peak, and peaks of the batch that do not spread over the band
        (``training.train.own_pulses``).
    """

    runs: int
    run: int
    agreement: float
    sparse: float

    def __post_init__(self) -> None:
        """Check the values; raise ValueError if one is invalid."""
        if not (self.runs > 0 and self.run > 1):
            raise ValueError(f"runs and run must be above 0 and 1, not {self.runs} and {self.run}")
        for name in ("agreement", "sparse"):
            if not getattr(self, name) >= 0:
                raise ValueError(f"{name} must not be negative, not {getattr(self, name)}")
        if not self.agreement + self.sparse > 0:
            raise ValueError("agreement and sparse must not both be 0")
