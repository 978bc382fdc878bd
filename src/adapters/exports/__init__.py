"""Usage exports of providers, read as they stream; the vendors' JSON of administration is here."""
