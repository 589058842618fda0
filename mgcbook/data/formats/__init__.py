"""Files of other people in their own layouts: face models, and what it takes to open them without running them."""
