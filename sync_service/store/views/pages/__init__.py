"""What single pages show: recent changes of several key results, teams, and what needs a person."""
