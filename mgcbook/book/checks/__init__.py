"""The questions of each chapter's exercises and the mistakes that they must notice, one module per chapter."""
