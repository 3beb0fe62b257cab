//! `git exp init`.

use crate::cli::Context;
use crate::digest::Format;
use crate::error::{Context as _, Result};
use crate::ops::init::{self, Options};

/// Make a repository ready for experiments
///
/// Creates '.dvc' with an empty config, and '.dvcignore', exactly as 'dvc init' does, so that git exp
/// and DVC can be used side by side. Nothing is staged or committed.
#[derive(Debug, clap::Parser)]
#[command(name = "git-exp-init", bin_name = "git exp init")]
pub struct Args {
    /// Make the current folder a project although it is not the top of the work tree
    #[arg(long)]
    subdir: bool,
    /// Make the config of an existing '.dvc' new
    ///
    /// An old config that says something is kept in '.dvc/tmp'. The cache is kept as well: it may hold the
    /// only copy of a checkpoint.
    #[arg(short, long)]
    force: bool,
    /// Write 'dvc.lock' and the cache as this version of DVC does
    ///
    /// Sets 'exp.dvcFormat' in the config of the git repository. Use 2 while somebody in the team uses DVC 2,
    /// which cannot read what DVC 3 writes. With 'auto', the default, what is in the repository decides.
    #[arg(long, value_name = "version", value_parser = ["2", "3", "auto"])]
    dvc_format: Option<String>,
}

/// Runs the command.
pub fn run(ctx: &mut Context, args: Args) -> Result<()> {
    let folder =
        std::env::current_dir().context(|| "cannot read the current directory".to_owned())?;
    let store = ctx.store()?;
    let options = Options {
        subdir: args.subdir,
        force: args.force,
        format: args.dvc_format.map(|version| match version.as_str() {
            "2" => Some(Format::V2),
            "3" => Some(Format::V3),
            _ => None,
        }),
    };
    let made = init::init(store, &folder, options)?;
    ctx.out.status("Initialized '.dvc'.");
    if let Some(old) = made.old_config {
        ctx.out.status(&format!("The old config is in '{old}'."));
    }
    ctx.out.status("\nTo track it with git, run:\n");
    ctx.out
        .status(&format!("\tgit add {}", made.files.join(" ")));
    Ok(())
}
