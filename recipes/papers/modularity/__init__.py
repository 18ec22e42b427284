"""On the Modularity of Hypernetworks."""
