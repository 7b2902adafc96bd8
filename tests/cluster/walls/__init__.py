"""What a preview's code can do once it runs: to the network, to its neighbours, to the routes of others."""
