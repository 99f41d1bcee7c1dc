"""Station commands: request, approval by a second person, signature, dispatch, result."""
