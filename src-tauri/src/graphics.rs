//! WebKit on Linux machines without a GPU.

/// Turns off a way of drawing that costs frames and memory where no GPU is.
///
/// WebKit reads the variable when its processes start, and a program must not
/// change its own environment while it runs: so it starts itself once more.
#[cfg(target_os = "linux")]
pub(crate) fn prepare() {
    use std::os::unix::process::CommandExt;

    const VARIABLE: &str = "WEBKIT_DISABLE_DMABUF_RENDERER";
    let has_gpu = std::path::Path::new("/dev/dri/renderD128").exists();
    if has_gpu || std::env::var_os(VARIABLE).is_some() {
        return;
    }
    let Ok(program) = std::env::current_exe() else { return };
    // Comes back only if it cannot be started; then it is slower, that is all.
    let error = std::process::Command::new(program)
        .args(std::env::args_os().skip(1))
        .env(VARIABLE, "1")
        .exec();
    eprintln!("cannot start again with {VARIABLE}=1: {error}");
}

/// Nothing to do.
#[cfg(not(target_os = "linux"))]
pub(crate) fn prepare() {}
