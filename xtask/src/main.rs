//! Builds, runs and tests the product.
fn main() {}
