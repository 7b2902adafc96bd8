"""What the make targets call. No part of the product: nothing of `kubepreview` knows of it."""
