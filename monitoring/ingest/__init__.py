"""The ways in for samples: plain views without REST framework, so that a batch costs little more than its bytes."""
