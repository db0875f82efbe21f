"""Types that cross package borders. Imports nothing of ours."""
