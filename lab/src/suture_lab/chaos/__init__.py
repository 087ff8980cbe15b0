"""``suture chaos``: a clinic's day on a platform that is injured all the while, and an independent verdict."""
