"""`hexgate ledger`: does the ledger add up, and does a provider's export agree with it?"""
