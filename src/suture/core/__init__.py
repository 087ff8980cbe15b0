"""What every room shares and nothing else: ids, clock, money, failures, gather, redaction. No I/O."""
