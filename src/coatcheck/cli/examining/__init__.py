"""What `coatcheck doctor` looks at: each a question with one finding."""
