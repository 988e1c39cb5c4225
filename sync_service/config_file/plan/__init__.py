"""Compare the wanted state with the database, save the difference, and export the state as a file."""
