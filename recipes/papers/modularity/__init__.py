"""On the Modularity of Hypernetworks: an embedding of the condition against a hypernetwork."""

TITLE = "On the Modularity of Hypernetworks"
