"""The shape of the code in figures, beside that of others in its field. `make shape`"""
