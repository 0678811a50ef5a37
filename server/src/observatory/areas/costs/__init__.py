"""What is spent, on models and on everything else."""
