"""Is it healthy since?"""
