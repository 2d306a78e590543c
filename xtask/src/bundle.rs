//! `cargo xtask bundle`: the product as one package that Debian, Ubuntu and
//! their kin install, with the feed file that offers it as an update.
//!
//! The package is put together by Debian's own tools: `dpkg-shlibdeps` finds
//! what it depends on, `dpkg-deb` packs it, `minisign` signs it.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::json;

use crate::install::{self, Need};
use crate::{licences, metadata, run as product, shell, ui};

/// The tools of Debian that make a package.
const TOOLS: [Need; 3] = [
    Need::program("dpkg-deb", "dpkg"),
    Need::program("dpkg-shlibdeps", "dpkg-dev"),
    Need::program("gzip", "gzip"),
];
/// The tool that signs it, where somebody wants that.
const SIGNER: [Need; 1] = [Need::program("minisign", "minisign")];

/// Where the file of the secret key is, made with `minisign -G -W`.
const KEY: &str = "PIPEWRIGHT_SIGNING_KEY";
/// Where the package is going to lie, as the feed says.
const ADDRESS: &str = "PIPEWRIGHT_UPDATE_FEED";
/// The channels that a package may go to.
const CHANNELS: [&str; 4] = ["stable", "weekly", "nightly", "latest"];

/// What the desktop program says of itself until it is packed, and then. Both
/// are the same length: the bytes are replaced.
const UNPACKED: &[u8] = b"__TAURI_BUNDLE_TYPE_VAR_UNK";
const PACKED: &[u8] = b"__TAURI_BUNDLE_TYPE_VAR_DEB";

/// The programs, their pages and everything else, below `/usr`.
const HOME: &str = "lib/pipewright";
const PROGRAMS: [&str; 2] = ["pipewright", "pipewright-studio"];

const DESKTOP: &str = "\
[Desktop Entry]
Type=Application
Name=Pipewright
GenericName=Integration studio
Comment=Connect systems and keep their data the same everywhere
Exec=pipewright-studio %f
Icon=pipewright
Terminal=false
Categories=Development;IDE;
MimeType=inode/directory;application/vnd.pipewright.config+json;
Keywords=integration;sync;pipes;datasets;
StartupWMClass=pipewright-studio
";

const MIME: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<mime-info xmlns="http://www.freedesktop.org/standards/shared-mime-info">
  <mime-type type="application/vnd.pipewright.config+json">
    <comment>Pipe or system</comment>
    <sub-class-of type="application/json"/>
    <glob pattern="*.conf.json" weight="60"/>
  </mime-type>
</mime-info>
"#;

/// Makes the package, for a channel of updates if one is named.
pub(crate) fn make(channel: Option<&str>) -> Result<()> {
    if let Some(channel) = channel
        && !CHANNELS.contains(&channel)
    {
        bail!("no channel is called {channel}; there are: {}", CHANNELS.join(", "));
    }
    let key = std::env::var_os(KEY).map(PathBuf::from);
    install::ensure("the package", &[&product::WINDOW[..], &TOOLS].concat())?;
    if key.is_some() {
        install::ensure("signing the package", &SIGNER)?;
    }
    ui::build(ui::Profile::Shipping)?;
    let mut cargo = shell::cargo();
    cargo.args(["build", "--release", "--package", "pipewright-cli"]);
    shell::run(cargo.args(["--package", "pipewright-studio", "--bins"]))?;

    let version = version()?;
    let machine = shell::output(shell::program("dpkg").arg("--print-architecture"))?;
    let machine = machine.trim();
    let folder = shell::target().join("bundle");
    let tree = folder.join("tree");
    if tree.exists() {
        fs::remove_dir_all(&tree)?;
    }
    lay_out(&tree.join("usr"))?;
    let size = size_of(&tree)? / 1024;
    let needs = needed(&folder, &tree)?;
    write(&tree.join("DEBIAN/control"), &control(&version, machine, size, &needs))?;
    let package = folder.join(format!("pipewright_{version}_{machine}.deb"));
    let mut pack = shell::program("dpkg-deb");
    pack.args(["--root-owner-group", "-Zxz", "--build"]).arg(&tree).arg(&package);
    shell::run(&mut pack)?;
    shell::say(format!("{} installs with: apt install {0}", package.display()));
    if let Some(key) = key {
        let signature = sign(&package, &key, &version)?;
        let channel = channel.unwrap_or("stable");
        let feed = folder.join(format!("{channel}.json"));
        let base = std::env::var(ADDRESS).unwrap_or_default();
        write(&feed, &entry(&version, &base, &package, &signature)?)?;
        shell::say(format!("{} offers it as an update", feed.display()));
    }
    Ok(())
}

/// The version of the product.
fn version() -> Result<String> {
    let ours = metadata::ours()?;
    let studio = ours.into_iter().find(|package| package.name == "pipewright-studio");
    Ok(studio.context("there is no package pipewright-studio")?.version)
}

/// Puts everything where it is going to be, below `usr`.
fn lay_out(usr: &Path) -> Result<()> {
    let home = usr.join(HOME);
    fs::create_dir_all(&home)?;
    fs::create_dir_all(usr.join("bin"))?;
    for program in PROGRAMS {
        let mut bytes = fs::read(shell::target().join("release").join(program))?;
        if program == "pipewright-studio" {
            mark(&mut bytes)?;
        }
        let file = home.join(program);
        fs::write(&file, bytes)?;
        shell::run(shell::program("chmod").arg("755").arg(&file))?;
        shell::run(shell::program("strip").arg("--strip-unneeded").arg(&file))?;
        // The program finds the studio's screens beside itself.
        let mut link = shell::program("ln");
        link.arg("-s").arg(format!("../{HOME}/{program}"));
        shell::run(link.arg(usr.join("bin").join(program)))?;
    }
    copy(&shell::root().join("dist"), &home.join("studio"))?;
    let share = usr.join("share");
    let icons = shell::root().join("icons");
    for size in [32, 128, 256, 512] {
        let to = share.join(format!("icons/hicolor/{size}x{size}/apps/pipewright.png"));
        place(&icons.join(format!("{size}x{size}.png")), &to)?;
    }
    let drawing = share.join("icons/hicolor/scalable/apps/pipewright.svg");
    place(&icons.join("pipewright.svg"), &drawing)?;
    write(&share.join("applications/dev.pipewright.studio.desktop"), DESKTOP)?;
    write(&share.join("mime/packages/pipewright.xml"), MIME)?;
    let doc = share.join("doc/pipewright");
    write(&doc.join("copyright"), &copyright()?)?;
    let cli = home.join("pipewright");
    let pages = share.join("man/man1");
    fs::create_dir_all(&pages)?;
    shell::run(shell::program(&cli).args(["man", "--folder"]).arg(&pages))?;
    for page in fs::read_dir(&pages)? {
        shell::run(shell::program("gzip").arg("-9n").arg(page?.path()))?;
    }
    for (shell_name, file) in [
        ("bash", "bash-completion/completions/pipewright"),
        ("zsh", "zsh/vendor-completions/_pipewright"),
        ("fish", "fish/vendor_completions.d/pipewright.fish"),
    ] {
        let text = shell::output(shell::program(&cli).args(["completions", shell_name]))?;
        write(&share.join(file), &text)?;
    }
    Ok(())
}

/// Tells the desktop program that it comes from a package: only then may it
/// replace itself.
fn mark(program: &mut [u8]) -> Result<()> {
    let length = UNPACKED.len();
    let places: Vec<usize> = (0..program.len().saturating_sub(length))
        .filter(|place| &program[*place..place + length] == UNPACKED)
        .collect();
    if places.is_empty() {
        bail!("the desktop program does not say how it was packed");
    }
    for place in places {
        program[place..place + length].copy_from_slice(PACKED);
    }
    Ok(())
}

/// The packages that have the libraries that the programs are linked with.
fn needed(folder: &Path, tree: &Path) -> Result<String> {
    // The tool wants to find itself in the source of a package.
    write(&folder.join("debian/control"), "Source: pipewright\n\nPackage: pipewright\n")?;
    let mut find = shell::program("dpkg-shlibdeps");
    find.current_dir(folder).args(["-O", "--ignore-missing-info"]);
    find.args(PROGRAMS.map(|program| tree.join("usr").join(HOME).join(program)));
    let told = shell::output(&mut find)?;
    let needs = told.lines().find_map(|line| line.strip_prefix("shlibs:Depends="));
    Ok(needs.context("dpkg-shlibdeps names nothing")?.to_owned())
}

/// What the package says of itself.
fn control(version: &str, machine: &str, kilobytes: u64, needs: &str) -> String {
    format!(
        "Package: pipewright\n\
         Version: {version}\n\
         Architecture: {machine}\n\
         Maintainer: The Pipewright authors <maintainers@pipewright.invalid>\n\
         Installed-Size: {kilobytes}\n\
         Depends: {needs}\n\
         Section: devel\n\
         Priority: optional\n\
         Description: Studio and engine that keep the data of systems the same\n \
         Pipes read systems of any kind into datasets, reshape and merge what they\n \
         read, and write it where it is needed. The studio shows and edits them, with\n \
         a node inside or against one that runs elsewhere; the command line does the\n \
         same without a window.\n"
    )
}

/// Our licence, and what is built in with the licence of each.
fn copyright() -> Result<String> {
    let ours = fs::read_to_string(shell::root().join("LICENSE-MIT"))?;
    let used = licences::list()?;
    Ok(format!(
        "Pipewright, under MIT or Apache-2.0, as you like.\n\n{ours}\nBuilt with:\n\n{used}"
    ))
}

/// Signs the package and with it its version; the signature, as feeds have it.
fn sign(package: &Path, key: &Path, version: &str) -> Result<String> {
    let signature = package.with_extension("deb.minisig");
    let name = package.file_name().unwrap_or_default().to_string_lossy();
    let mut sign = shell::program("minisign");
    sign.args(["-S", "-s"]).arg(key).arg("-m").arg(package).arg("-x").arg(&signature);
    sign.args(["-t", &format!("file:{name}\tversion:{version}")]);
    shell::run(&mut sign)?;
    Ok(fs::read_to_string(signature)?)
}

/// The file of a channel that offers the package.
fn entry(version: &str, base: &str, package: &Path, signature: &str) -> Result<String> {
    let name = package.file_name().unwrap_or_default().to_string_lossy();
    let system = format!("{}-{}", std::env::consts::OS, std::env::consts::ARCH);
    let entry = json!({
        "version": version,
        "platforms": { format!("{system}-deb"): {
            "url": format!("{}/{name}", base.trim_end_matches('/')),
            "signature": BASE64_STANDARD.encode(signature),
        } },
    });
    Ok(serde_json::to_string_pretty(&entry)? + "\n")
}

fn write(file: &Path, text: &str) -> Result<()> {
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))
}

fn place(from: &Path, to: &Path) -> Result<()> {
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::copy(from, to).with_context(|| format!("cannot copy {}", from.display())).map(drop)
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let to = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &to)?;
        } else {
            place(&entry.path(), &to)?;
        }
    }
    Ok(())
}

/// How many bytes are in the files of a folder.
fn size_of(folder: &Path) -> Result<u64> {
    let mut size = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let known = entry.path().symlink_metadata()?;
        size += if known.is_dir() { size_of(&entry.path())? } else { known.len() };
    }
    Ok(size)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn only_the_word_for_the_package_changes() {
        let mut program = [b"before ", UNPACKED, b" after"].concat();
        mark(&mut program).unwrap();
        assert_eq!(program, [b"before ", PACKED, b" after"].concat());
        assert!(mark(&mut b"nothing here, whatever it may be".to_vec()).is_err());
    }

    #[test]
    fn a_feed_names_the_package_where_it_lies() {
        let file = Path::new("/tmp/pipewright_0.2.0_amd64.deb");
        let text = entry("0.2.0", "https://example.org/feed/", file, "signed").unwrap();
        let feed: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(feed["version"], "0.2.0");
        let (_, package) = feed["platforms"].as_object().unwrap().iter().next().unwrap();
        assert_eq!(package["url"], "https://example.org/feed/pipewright_0.2.0_amd64.deb");
        assert_eq!(package["signature"], "c2lnbmVk");
    }
}
