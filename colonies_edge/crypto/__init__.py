"""Keys, signatures and identities of Colonies; no clocks, no JSON."""
