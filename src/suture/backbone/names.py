"""What things are called in the backbone. Commands need the names, and not the client, which takes long to load."""

STREAM = "SUTURE"
SUBJECTS = "suture.>"
