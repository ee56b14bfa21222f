"""What `datasync serve` runs on one machine: two embedded services, and what watches them."""
