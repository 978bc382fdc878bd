"""One suite for every provider over every transport, and the table that it proves."""
