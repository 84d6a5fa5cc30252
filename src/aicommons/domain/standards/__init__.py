"""Other people's formats: cards, policies and consents as JSON that other catalogues and tools read. Pure, in and out."""
