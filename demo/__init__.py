"""`python -m demo` tells the story: a whole rolling-update life by the stock docker CLI, under load."""
