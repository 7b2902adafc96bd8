"""What a hostile pull request may try, against a real apiserver with the product's walls."""
