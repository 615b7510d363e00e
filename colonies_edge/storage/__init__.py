"""What is kept: journal, checkpoint, archive and ledger."""
