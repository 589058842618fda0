"""Drawings that belong to one chapter, one module per chapter; what several chapters draw is in `mgcbook.book.figures`."""
