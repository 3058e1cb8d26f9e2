"""The parts of a CloudFront distribution's body."""
