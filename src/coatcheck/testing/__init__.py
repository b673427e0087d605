"""What tests share, ours and those of other people's adapters: contracts to inherit, and fakes."""
