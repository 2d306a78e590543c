//! Prints the reference of the language, `docs/dtl-reference.md`.

fn main() {
    print!("{}", pipewright_dtl::functions::reference::markdown());
}
