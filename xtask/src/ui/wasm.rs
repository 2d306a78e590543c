//! Our own code for the browser: compiled to WebAssembly, then given the
//! JavaScript that loads it.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use super::Profile;
use crate::install::{self, Need};
use crate::shell;

const TARGET: &str = "wasm32-unknown-unknown";

/// A compiler for the browser in Debian: without the standard library for it,
/// but with its source.
const DEBIAN: [Need; 4] = [
    Need::file("/usr/bin/cargo", "cargo-web"),
    Need::file("/usr/bin/rustc", "rustc-web"),
    Need::file("/usr/lib/rustlib/src/rust/library/std", "rust-web-src"),
    Need::program("wasm-ld-19", "lld-19"),
];

/// Compiles the screens and returns the folder with the module and its glue.
pub(super) fn build(profile: Profile) -> Result<PathBuf> {
    module("the screens", "pipewright-ui", "pipewright-ui.wasm", profile)
}

/// Compiles the language service alone, as it ships, and returns the folder
/// with the module and its glue.
pub(super) fn language() -> Result<PathBuf> {
    module("the language service", "pipewright-page", "pipewright_page.wasm", Profile::Shipping)
}

/// Compiles a package to a module that a page can import; `file` is what cargo
/// calls it.
fn module(about: &str, package: &str, file: &str, profile: Profile) -> Result<PathBuf> {
    let (cargo_profile, shipping) = match profile {
        Profile::Quick => ("wasm-dev", false),
        Profile::Shipping => ("wasm", true),
    };
    let mut cargo = compiler()?;
    shell::say(format!("Compiling {about} ({cargo_profile})"));
    let target = shell::target().join("wasm");
    cargo.args(["build", "--package", package, "--target", TARGET]);
    cargo.args(["--profile", cargo_profile]).arg("--target-dir").arg(&target);
    if shell::in_ci() {
        cargo.arg("--locked");
    }
    shell::run(&mut cargo)?;

    let glue = target.join("glue").join(cargo_profile).join(package);
    // A name that is no longer written must not be shipped.
    if glue.exists() {
        fs::remove_dir_all(&glue).with_context(|| format!("cannot empty {}", glue.display()))?;
    }
    let mut bindgen = shell::cargo();
    bindgen.args(["run", "--quiet", "--package", "xtask-bindgen", "--"]);
    bindgen.arg(target.join(TARGET).join(cargo_profile).join(file)).arg(&glue);
    if shipping {
        bindgen.arg("--shipping");
    }
    shell::run(&mut bindgen)?;
    Ok(glue)
}

/// A cargo that can build for the browser: this one if its toolchain has the
/// target or rustup may add it, else Debian's.
fn compiler() -> Result<Command> {
    if has_target()? {
        return Ok(shell::cargo());
    }
    if DEBIAN.iter().all(Need::is_met) {
        return Ok(debian());
    }
    if shell::find("rustup").is_some() && rustup_may_download() {
        shell::say(format!("Adding the target {TARGET} with rustup"));
        if shell::run(shell::program("rustup").args(["target", "add", TARGET])).is_ok() {
            return Ok(shell::cargo());
        }
        shell::say("rustup cannot add it here; taking Debian's compiler instead");
    }
    install::ensure("compiling the screens", &DEBIAN)?;
    Ok(debian())
}

fn has_target() -> Result<bool> {
    let sysroot = shell::output(shell::program("rustc").args(["--print", "sysroot"]))?;
    Ok(PathBuf::from(sysroot.trim()).join("lib/rustlib").join(TARGET).join("lib").is_dir())
}

/// Whoever told rustup not to install toolchains by itself does not want us to
/// make it download one either.
fn rustup_may_download() -> bool {
    std::env::var_os("RUSTUP_AUTO_INSTALL").is_none_or(|v| v != "0")
}

/// Debian's cargo and compiler, building the standard library from source.
fn debian() -> Command {
    let mut command = shell::program("/usr/bin/cargo");
    for (name, _) in std::env::vars_os() {
        if belongs_to_other_toolchain(&name.to_string_lossy()) {
            command.env_remove(name);
        }
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::iter::once(PathBuf::from("/usr/bin")).chain(std::env::split_paths(&path));
    if let Ok(path) = std::env::join_paths(folders) {
        command.env("PATH", path);
    }
    command
        .env("RUSTC", "/usr/bin/rustc")
        // Building the standard library is not a stable feature.
        .env("RUSTC_BOOTSTRAP", "1")
        .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", "wasm-ld-19")
        .arg("-Zbuild-std=std,panic_abort");
    command
}

/// Variables that the running cargo and rustup set, or that choose a compiler
/// or its flags: Debian's cargo would call the other toolchain because of them.
fn belongs_to_other_toolchain(variable: &str) -> bool {
    const NAMES: [&str; 10] = [
        "CARGO",
        "CARGO_BUILD_RUSTFLAGS",
        "CARGO_BUILD_TARGET",
        "CARGO_ENCODED_RUSTFLAGS",
        "LD_LIBRARY_PATH",
        "RUSTC",
        "RUSTDOC",
        "RUSTFLAGS",
        "RUST_RECURSION_COUNT",
        "OUT_DIR",
    ];
    NAMES.contains(&variable)
        || ["CARGO_PKG_", "CARGO_MANIFEST_", "RUSTUP_"].iter().any(|p| variable.starts_with(p))
}

#[cfg(test)]
mod tests {
    use super::belongs_to_other_toolchain;

    #[test]
    fn the_other_compiler_sees_settings_but_not_the_toolchain() {
        for gone in ["CARGO", "RUSTC", "RUSTUP_TOOLCHAIN", "CARGO_PKG_NAME", "LD_LIBRARY_PATH"] {
            assert!(belongs_to_other_toolchain(gone), "{gone}");
        }
        for kept in ["CARGO_HOME", "CARGO_BUILD_JOBS", "CARGO_NET_OFFLINE", "RUSTC_WRAPPER", "HOME"]
        {
            assert!(!belongs_to_other_toolchain(kept), "{kept}");
        }
    }
}
