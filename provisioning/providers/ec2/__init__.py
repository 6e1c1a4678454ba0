"""Hosts on Amazon EC2. `aws` is the only importer of boto3; the rest speaks our nouns."""
