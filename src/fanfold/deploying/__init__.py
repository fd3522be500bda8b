"""The deploy of a stack: its code goes to a bucket, its template to CloudFormation, which says what it would change."""
