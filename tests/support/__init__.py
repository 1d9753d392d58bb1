"""What tests share: real programs in temporary folders."""
