"""A hospital that plays itself: patients arrive, wait, are held, pay, are treated and leave.

It does everything through the operations that the pages and the API call, in simulated time, and leaves
books that ``almoner verify`` accepts. The same seed plays the same story.
"""
