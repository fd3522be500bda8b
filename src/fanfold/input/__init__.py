"""What becomes a job: files, objects in S3 and rows; read as the stack would read them, and uploaded."""
