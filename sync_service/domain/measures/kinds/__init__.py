"""The families of measures: each module computes its kinds' values and the lines of their sums."""
