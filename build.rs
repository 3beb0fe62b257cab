//! How the binaries are linked where that lets them start sooner; nothing is compiled or made here.
//!
//! Most commands are over in milliseconds, and a fifth of that was spent before `main`: on writing
//! addresses into tables that could be read as they are in the file, and on loading one more library,
//! of which a panic needs four functions.

use std::path::Path;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let is = |variable: &str, value: &str| std::env::var(variable).is_ok_and(|it| it == value);
    if !(is("CARGO_CFG_TARGET_OS", "linux") && is("CARGO_CFG_TARGET_ENV", "gnu")) {
        return;
    }
    println!("cargo::rustc-link-arg-bins=-no-pie");
    if let Some(folder) = folder_of_unwinder() {
        println!("cargo::rustc-link-search=native={folder}");
        println!("cargo::rustc-link-lib=static:-bundle=gcc_eh");
    }
}

/// Returns where the C compiler has the static form of what unwinds the stack; `None` where it has none,
/// as clang without gcc, and where it is not known which compiler will link.
fn folder_of_unwinder() -> Option<String> {
    let is_native = std::env::var("HOST").ok()? == std::env::var("TARGET").ok()?;
    let linker = std::env::var("RUSTC_LINKER").unwrap_or_else(|_| "cc".to_owned());
    let asked = Command::new(linker)
        .arg("-print-file-name=libgcc_eh.a")
        .output()
        .ok()
        .filter(|_| is_native)?;
    let file = String::from_utf8(asked.stdout).ok()?;
    // A compiler that has no such file repeats its name.
    let folder = Path::new(file.trim()).parent()?;
    folder
        .is_absolute()
        .then(|| folder.to_str().map(str::to_owned))?
}
