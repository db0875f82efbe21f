"""The journal (매매 일지): what happened in a run, and why. The source of truth after it."""
