"""What the platform tells of itself: metrics, and traces where they are turned on. References only, never content."""
