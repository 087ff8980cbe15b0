"""People are told what waits for them: by e-mail and webhook, by rules of the catalogue, never of a patient."""
