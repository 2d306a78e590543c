//! Turns a compiled `.wasm` file into a module that a page can import:
//! `xtask-bindgen INPUT.wasm OUTPUT_FOLDER [--shipping]`.
//!
//! A program of its own, so that `cargo xtask tidy` and the like do not wait
//! for its libraries to be built.

use std::path::PathBuf;

use anyhow::{Context, bail};
use wasm_bindgen_cli_support::Bindgen;

fn main() -> anyhow::Result<()> {
    let mut shipping = false;
    let mut paths = Vec::new();
    for argument in std::env::args_os().skip(1) {
        if argument == "--shipping" {
            shipping = true;
        } else {
            paths.push(PathBuf::from(argument));
        }
    }
    let [input, output] = paths.as_slice() else {
        bail!("usage: xtask-bindgen INPUT.wasm OUTPUT_FOLDER [--shipping]");
    };
    let mut bindgen = Bindgen::new();
    bindgen.input_path(input).typescript(false).web(true)?;
    if shipping {
        // Names of functions are half of the file and serve only stack traces.
        bindgen.keep_debug(false).remove_name_section(true).remove_producers_section(true);
    }
    bindgen.generate(output).with_context(|| format!("cannot write glue for {}", input.display()))
}
