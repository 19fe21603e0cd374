"""The table: what absorption is, in which unit, and which way is better."""

from gatekit.kinds import Kind, MeasureSpec

ABSORPTION = Kind(
    name="absorption",
    description="How often is a latent silent on a word that it stands for?",
    baselines=("none", "untrained"),
    measures=(
        MeasureSpec(
            name="absorption_rate",
            description="Share of the words of a latent's letter on which another latent fires in its place.",
            unit="fraction of words",
            direction="lower",
            range=(0, 1),
            design="per_seed",
            lattice="rows",
        ),
    ),
)
