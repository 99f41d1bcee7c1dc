"""Read models of pages and the API: figures, lists and details over all subjects, narrowed to what the caller may see."""
