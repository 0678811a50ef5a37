"""Memory, processor, pools, queues and stores."""
