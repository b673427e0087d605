"""What Coatcheck promises of itself in figures, each measured beside its goal: `python -m bench.targets`."""
