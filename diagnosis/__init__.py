"""What happens to a page: intake, diagnosis, review and everything shown of them."""
