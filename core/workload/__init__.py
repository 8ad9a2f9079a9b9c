"""What is asked of a cluster, whatever the policy: workers, laws, stragglers, network, and the draws from them."""
