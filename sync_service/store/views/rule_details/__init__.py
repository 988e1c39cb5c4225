"""What a rule is beside its condition: its life, its overlaps with others, and what the rights to write it need."""
