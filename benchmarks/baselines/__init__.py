"""What the product is compared with. Each leads to the same job as the product's route does."""
